//! Directives of the TLS module: checked, and refused where a `listen … ssl` would use them.

use super::Row;
use super::prelude::*;
use crate::config::analyse::tls;

pub const MODULES: &[Module] = &[("ngx_http_ssl_module", SSL_ROWS)];

const SSL_ROWS: &[Row] = &[
    row("ssl", HTTP | SRV, ONE, Custom)
        .default("off")
        .accepted_by(tls::ssl),
    row("ssl_certificate", HTTP | SRV, ONE, Texts)
        .accepted()
        .differs("The file is not opened, and no key has to stand beside it."),
    row("ssl_certificate_key", HTTP | SRV, ONE, Texts).accepted(),
    row("ssl_password_file", HTTP | SRV, ONE, Custom).accepted(),
    row("ssl_dhparam", HTTP | SRV, ONE, Text).accepted(),
    row("ssl_ecdh_curve", HTTP | SRV, ONE, Text)
        .default("auto")
        .accepted(),
    row("ssl_protocols", HTTP | SRV, SOME, Mask(PROTOCOLS))
        .default("TLSv1 TLSv1.1 TLSv1.2 TLSv1.3")
        .accepted(),
    row("ssl_ciphers", HTTP | SRV, ONE, Text)
        .default("HIGH:!aNULL:!MD5")
        .accepted(),
    row("ssl_buffer_size", HTTP | SRV, ONE, Size)
        .default("16k")
        .accepted(),
    row(
        "ssl_verify_client",
        HTTP | SRV,
        ONE,
        Enum(&["off", "on", "optional", "optional_no_ca"]),
    )
    .default("off")
    .accepted(),
    row("ssl_verify_depth", HTTP | SRV, ONE, Number)
        .default("1")
        .accepted(),
    row("ssl_client_certificate", HTTP | SRV, ONE, Text).accepted(),
    row("ssl_trusted_certificate", HTTP | SRV, ONE, Text).accepted(),
    row("ssl_prefer_server_ciphers", HTTP | SRV, ONE, Flag)
        .default("off")
        .accepted(),
    row("ssl_session_cache", HTTP | SRV, ONE_TWO, Custom)
        .default("none")
        .accepted_by(tls::session_cache),
    row("ssl_session_tickets", HTTP | SRV, ONE, Flag)
        .default("on")
        .accepted(),
    row("ssl_session_ticket_key", HTTP | SRV, ONE, Texts).accepted(),
    row("ssl_session_timeout", HTTP | SRV, ONE, Sec)
        .default("5m")
        .accepted(),
    row("ssl_crl", HTTP | SRV, ONE, Text).accepted(),
    row("ssl_ocsp", HTTP | SRV, ONE, Enum(&["off", "on", "leaf"]))
        .default("off")
        .accepted(),
    row("ssl_ocsp_responder", HTTP | SRV, ONE, Text).accepted(),
    row("ssl_ocsp_cache", HTTP | SRV, ONE, Custom)
        .default("off")
        .accepted_by(tls::ocsp_cache),
    row("ssl_stapling", HTTP | SRV, ONE, Flag)
        .default("off")
        .accepted(),
    row("ssl_stapling_file", HTTP | SRV, ONE, Text).accepted(),
    row("ssl_stapling_responder", HTTP | SRV, ONE, Text).accepted(),
    row("ssl_stapling_verify", HTTP | SRV, ONE, Flag)
        .default("off")
        .accepted(),
    row("ssl_early_data", HTTP | SRV, ONE, Flag)
        .default("off")
        .accepted(),
    row("ssl_conf_command", HTTP | SRV, TWO, Pairs).accepted(),
    row("ssl_reject_handshake", HTTP | SRV, ONE, Flag)
        .default("off")
        .accepted(),
];

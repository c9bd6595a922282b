//! `geo`: networks or ranges of addresses, and what stands for them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::access::{Cidr, cidr};
use super::map::{lines, variable_name, wrong_number};
use super::{Analyser, Outcome, emerg, warn};
use crate::config::diagnostics::Diagnostic;
use crate::config::geo::{Clash, Geo, Network, Ranges, Table};
use crate::config::lexer::Word;
use crate::config::model::SlotSource;
use crate::config::net::ipv4;
use crate::config::parser::Directive;
use crate::config::written;

/// `geo [$ADDRESS] $NAME { … }`
pub fn geo(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let (source, name) = match &*directive.args {
        [source, name, ..] => (Some(source), name),
        [name] => (None, name),
        [] => return Ok(()),
    };
    let mut geo = Geo::default();
    if let Some(source) = source {
        variable_name(directive, source)?;
        geo.source = Some(analyser.template(directive, source)?);
    }
    let made = variable_name(directive, name)?;
    let target = analyser.own_variable(directive, name, &made, SlotSource::Group)?;
    if let Some(block) = &directive.block {
        let mut begun = false;
        let mut line = |analyser: &mut Analyser, line: &Directive| {
            geo_line(analyser, line, &mut geo, &mut begun)
        };
        // Each name is one file: nginx looks for a table that it made of it before.
        lines(analyser, &block.directives, false, &mut line);
    }
    analyser
        .variables
        .replace(target, SlotSource::Geo(Arc::new(geo)));
    Ok(())
}

/// One line; `begun` is true once one was about a network.
fn geo_line(analyser: &mut Analyser, line: &Directive, geo: &mut Geo, begun: &mut bool) -> Outcome {
    let key = &line.name;
    let [value] = &*line.args else {
        match &*key.value {
            b"ranges" if line.args.is_empty() => return ranges(line, geo, *begun),
            b"proxy_recursive" if line.args.is_empty() => geo.recursive = true,
            _ => return Err(wrong_number(line, "geo")),
        }
        return Ok(());
    };
    if key.is("proxy") {
        geo.proxies.push(network(analyser, line, value)?);
        return Ok(());
    }
    let mut table = std::mem::take(&mut geo.table);
    let outcome = match &mut table {
        Table::Ranges(ranges) => range_line(analyser, line, ranges, value),
        Table::Networks(networks) => {
            *begun = true;
            network_line(analyser, line, value, &mut |(network, set)| match set {
                Some(value) => networks.insert(network, value.value.clone()),
                None => networks.remove(&network),
            })
        }
    };
    geo.table = table;
    outcome
}

fn ranges(line: &Directive, geo: &mut Geo, begun: bool) -> Outcome {
    if begun {
        let message = "the \"ranges\" directive must be the first directive inside \"geo\" block";
        return Err(emerg(line, message).label("networks stand above it"));
    }
    if !matches!(geo.table, Table::Ranges(_)) {
        geo.table = Table::Ranges(Ranges::default());
    }
    Ok(())
}

/// Changes a network's value, or takes it out; gives the one it had.
type Change<'a> = &'a mut dyn FnMut((Network, Option<&Word>)) -> Option<bytes::Bytes>;

/// `NETWORK VALUE`, `default VALUE`, `delete NETWORK`
fn network_line(
    analyser: &mut Analyser,
    line: &Directive,
    value: &Word,
    change: Change<'_>,
) -> Outcome {
    let key = &line.name;
    if key.is("default") {
        for address in [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ] {
            set(analyser, line, value, (address, 0), change);
        }
        return Ok(());
    }
    if !key.is("delete") {
        let network = network(analyser, line, key)?;
        set(analyser, line, value, network, change);
        return Ok(());
    }
    let found = network(analyser, line, value)?;
    if change((found, None)).is_none() {
        let message = format!("no network \"{}\" to delete", value.text());
        analyser.report(warn(line, message).at(value.span), line.end);
    }
    Ok(())
}

fn set(
    analyser: &mut Analyser,
    line: &Directive,
    value: &Word,
    network: Network,
    change: Change<'_>,
) {
    if let Some(old) = change((network, Some(value))) {
        let message = format!(
            "duplicate network \"{}\", value: \"{}\", old value: \"{}\"",
            line.name.text(),
            value.text(),
            written::shown(&old)
        );
        analyser.report(warn(line, message).at(line.name.span), line.end);
    }
}

/// A network; one that is not clean is warned about.
fn network(analyser: &mut Analyser, line: &Directive, word: &Word) -> Result<Network, Diagnostic> {
    let broadcast = word.is("255.255.255.255").then_some(Cidr {
        address: Ipv4Addr::BROADCAST.into(),
        bits: 32,
        clean: true,
    });
    let Some(read) = broadcast.or_else(|| cidr(&word.value)) else {
        let message = format!("invalid network \"{}\"", word.text());
        return Err(emerg(line, message)
            .at(word.span)
            .label("expected an address or a network such as `10.0.0.0/8`"));
    };
    if !read.clean {
        let message = format!("low address bits of {} are meaningless", word.text());
        analyser.report(warn(line, message).at(word.span), line.end);
    }
    Ok((read.address, read.bits))
}

/// `FIRST-LAST VALUE`, `default VALUE`, `delete FIRST-LAST`
fn range_line(
    analyser: &mut Analyser,
    line: &Directive,
    ranges: &mut Ranges,
    value: &Word,
) -> Outcome {
    let key = &line.name;
    if key.is("default") {
        if let Some(old) = ranges.default.replace(value.value.clone()) {
            let message = format!(
                "duplicate default geo range value: \"{}\", old value: \"{}\"",
                value.text(),
                written::shown(&old)
            );
            analyser.report(warn(line, message).at(value.span), line.end);
        }
        return Ok(());
    }
    let delete = key.is("delete");
    let range = if delete { value } else { key };
    let text = range.text();
    // nginx takes the last of all addresses for none.
    let read = |text: &str| ipv4(text.as_bytes()).filter(|a| *a != Ipv4Addr::BROADCAST);
    let ends = text
        .split_once('-')
        .and_then(|(first, last)| Some((read(first)?, read(last)?)))
        .filter(|(first, last)| first <= last);
    let Some((first, last)) = ends else {
        return Err(emerg(line, format!("invalid range \"{text}\""))
            .at(range.span)
            .label("expected two IPv4 addresses: `10.0.0.1-10.0.0.9`"));
    };
    if delete {
        if !ranges.delete(first, last) {
            let message = format!("no address range \"{text}\" to delete");
            analyser.report(warn(line, message).at(range.span), line.end);
        }
        return Ok(());
    }
    for clash in ranges.add(first, last, &value.value) {
        match clash {
            Clash::Same(old) => {
                let message = format!(
                    "duplicate range \"{text}\", value: \"{}\", old value: \"{}\"",
                    value.text(),
                    written::shown(&old)
                );
                analyser.report(warn(line, message).at(range.span), line.end);
            }
            Clash::Overlaps(first, last) => {
                let message = format!("range \"{text}\" overlaps \"{first}-{last}\"");
                return Err(emerg(line, message)
                    .at(range.span)
                    .label("a range may lie in another, but not across its end"));
            }
        }
    }
    Ok(())
}

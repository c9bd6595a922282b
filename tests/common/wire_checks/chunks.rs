//! Bodies in chunks.

use bytes::BytesMut;
use proxy_lab::wire::chunked::{Chunk, ChunkDecoder, Side, write_chunk_head};

use super::{pieces, signature};

/// A chunked body.
pub fn check_chunks(input: &[u8], cuts: &[usize]) -> u64 {
    let (data, end, rest, _) = decode_chunks(&pieces(input, &[]));
    let (split_data, split_end, split_rest, wanted) = decode_chunks(&pieces(input, cuts));
    assert_eq!((&data, end), (&split_data, split_end));
    assert!(data.len() <= input.len());
    if end == End::End {
        assert_eq!(rest, split_rest);
        assert!(input.ends_with(&rest));
        let used = input.len() - rest.len();
        for (at, least) in wanted {
            assert!(
                at as u64 + least <= used as u64,
                "at {at} no less than {least} of {used}"
            );
        }
        again(&data, cuts);
    }
    signature((
        end,
        data.len().min(9),
        rest.len().min(3),
        input.len().min(40),
    ))
}

/// What is written in chunks is read back.
pub fn again(data: &[u8], cuts: &[usize]) {
    let mut out = BytesMut::new();
    for chunk in pieces(data, cuts) {
        write_chunk_head(&mut out, chunk.len());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\nnext");
    let (read, end, rest, _) = decode_chunks(&pieces(&out, cuts));
    assert_eq!((&read[..], end, &rest[..]), (data, End::End, &b"next"[..]));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::enum_variant_names)]
pub enum End {
    More,
    End,
    Invalid,
}

/// All data, how it ended, what was left, and before each piece (bytes so far, [`ChunkDecoder::wanted`]).
pub fn decode_chunks(parts: &[&[u8]]) -> (Vec<u8>, End, BytesMut, Vec<(usize, u64)>) {
    let mut decoder = ChunkDecoder::new(Side::Request);
    let mut buf = BytesMut::new();
    let mut data = Vec::new();
    let mut wanted = Vec::new();
    let mut fed = 0;
    for (i, part) in parts.iter().enumerate() {
        wanted.push((fed, decoder.wanted()));
        fed += part.len();
        buf.extend_from_slice(part);
        loop {
            let end = match decoder.next(&mut buf) {
                Ok(Chunk::Data(bytes)) => {
                    assert!(!bytes.is_empty());
                    data.extend_from_slice(&bytes);
                    continue;
                }
                Ok(Chunk::More) => {
                    assert!(buf.is_empty());
                    break;
                }
                Ok(Chunk::End) => End::End,
                Err(_) => End::Invalid,
            };
            for rest in &parts[i + 1..] {
                buf.extend_from_slice(rest);
            }
            return (data, end, buf, wanted);
        }
    }
    (data, End::More, buf, wanted)
}

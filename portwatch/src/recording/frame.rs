//! Frames: a head of four numbers of four bytes, the lowest byte first, and what it describes.
//!
//! The head has the length in the file, the length once decompressed (the same for what is not
//! compressed), a CRC-32 of what is in the file, and one of the three numbers before it: a damaged
//! length must not pass for a recording that ends too early.

use std::io::{self, Read};

use serde::{Serialize, de::DeserializeOwned};

/// Greatest length of what a frame holds. It bounds what a damaged or made up recording can ask for.
pub const LARGEST: usize = 64 << 20;
/// What LZ4 can make of one byte, at most.
const EXPANSION: usize = 255;
const HEAD: usize = 16;
/// What a short text is not worth: compressing it makes it longer.
const SMALL: usize = 64;

/// Why there is no frame.
#[derive(Debug)]
pub enum Missing {
    /// The input ends, inside of it or before.
    Ends,
    /// It is not what was written.
    Damaged,
    /// The input can't be read.
    Unreadable(io::Error),
}

/// The bytes of a frame; none for what would be too large.
pub fn pack(content: &impl Serialize) -> Option<Vec<u8>> {
    let plain = postcard::to_allocvec(content).ok()?;
    if plain.len() > LARGEST {
        return None;
    }
    let squeezed = (plain.len() > SMALL).then(|| lz4_flex::block::compress(&plain));
    let stored = squeezed
        .as_ref()
        .filter(|squeezed| squeezed.len() < plain.len())
        .unwrap_or(&plain);
    let mut frame = Vec::with_capacity(HEAD + stored.len());
    frame.extend(u32::try_from(stored.len()).ok()?.to_le_bytes());
    frame.extend(u32::try_from(plain.len()).ok()?.to_le_bytes());
    frame.extend(crc32fast::hash(stored).to_le_bytes());
    frame.extend(crc32fast::hash(&frame).to_le_bytes());
    frame.extend(stored);
    Some(frame)
}

/// Takes a frame off the input. Returns what it holds, and its length in the input.
pub fn unpack<T: DeserializeOwned>(input: &mut impl Read) -> Result<(T, u64), Missing> {
    let head = numbers(input)?;
    let [stored_len, plain_len, sum, _] = head;
    let (stored_len, plain_len) = (length(stored_len)?, length(plain_len)?);
    let stored = bytes(input, stored_len)?;
    if crc32fast::hash(&stored) != sum {
        return Err(Missing::Damaged);
    }
    let plain = if stored_len == plain_len {
        stored
    } else {
        decompressed(&stored, plain_len)?
    };
    match postcard::take_from_bytes(&plain) {
        Ok((content, [])) => Ok((content, (HEAD + stored_len) as u64)),
        _ => Err(Missing::Damaged),
    }
}

/// A head that is what was written.
fn numbers(input: &mut impl Read) -> Result<[u32; 4], Missing> {
    let head = bytes(input, HEAD)?;
    let mut numbers = [0; 4];
    let (fields, _) = head.as_chunks::<4>();
    for (number, field) in numbers.iter_mut().zip(fields) {
        *number = u32::from_le_bytes(*field);
    }
    let [described @ .., sum] = numbers;
    let described = described.map(u32::to_le_bytes);
    if crc32fast::hash(described.as_flattened()) != sum {
        return Err(Missing::Damaged);
    }
    Ok(numbers)
}

fn length(number: u32) -> Result<usize, Missing> {
    usize::try_from(number)
        .ok()
        .filter(|length| *length <= LARGEST)
        .ok_or(Missing::Damaged)
}

/// Memory is taken as the bytes come: a length alone gets none.
fn bytes(input: &mut impl Read, length: usize) -> Result<Vec<u8>, Missing> {
    let mut bytes = Vec::new();
    let read = input.take(length as u64).read_to_end(&mut bytes);
    match read.map_err(Missing::Unreadable)? {
        read if read == length => Ok(bytes),
        _ => Err(Missing::Ends),
    }
}

fn decompressed(stored: &[u8], length: usize) -> Result<Vec<u8>, Missing> {
    if length > stored.len().saturating_mul(EXPANSION) {
        return Err(Missing::Damaged);
    }
    match lz4_flex::block::decompress(stored, length) {
        Ok(plain) if plain.len() == length => Ok(plain),
        _ => Err(Missing::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LARGEST, Missing, pack, unpack};

    fn frame(fields: [u32; 3], stored: &[u8]) -> Vec<u8> {
        let mut frame = fields.map(u32::to_le_bytes).as_flattened().to_vec();
        frame.extend(crc32fast::hash(&frame).to_le_bytes());
        frame.extend(stored);
        frame
    }

    #[test]
    fn long_texts_are_compressed_and_short_ones_are_not() {
        for (text, shorter) in [("x".repeat(40), false), ("x".repeat(4000), true)] {
            let frame = pack(&text).unwrap();
            assert_eq!(frame.len() < text.len(), shorter);
            let (read, length): (String, u64) = unpack(&mut frame.as_slice()).unwrap();
            assert_eq!((read, length), (text, frame.len() as u64));
        }
    }

    #[test]
    fn what_is_too_large_is_not_packed() {
        assert!(pack(&vec![0_u8; LARGEST + 1]).is_none());
    }

    #[test]
    fn lengths_are_bounded() {
        let huge = u32::try_from(LARGEST).unwrap() + 1;
        let sum = crc32fast::hash(&[0; 4]);
        for (stored, plain) in [(huge, 4), (4, huge), (4, 2000), (u32::MAX, u32::MAX)] {
            let frame = frame([stored, plain, sum], &[0; 4]);
            let read = unpack::<String>(&mut frame.as_slice());
            assert!(matches!(read, Err(Missing::Damaged)), "{stored} {plain}");
        }
    }

    #[test]
    fn what_follows_the_content_is_damage() {
        let sum = crc32fast::hash(&[1, b'x', 0]);
        let read = unpack::<String>(&mut frame([3, 3, sum], &[1, b'x', 0]).as_slice());
        assert!(matches!(read, Err(Missing::Damaged)));
    }

    proptest! {
        /// Made up by somebody who knows about checksums.
        #[test]
        fn any_content_is_read_or_refused(
            stored in prop::collection::vec(any::<u8>(), 0..200),
            plain in 0..2000_u32,
        ) {
            let length = u32::try_from(stored.len()).unwrap();
            for plain in [plain, length] {
                let frame = frame([length, plain, crc32fast::hash(&stored)], &stored);
                let _ = unpack::<super::super::format::Content>(&mut frame.as_slice());
            }
        }
    }
}

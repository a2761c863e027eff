use std::ops::Range;

use super::BtfError;

/// `BTF_KIND_*` of include/uapi/linux/btf.h, those that are told apart here.
pub(super) mod kind {
    pub const INT: u8 = 1;
    pub const PTR: u8 = 2;
    pub const ARRAY: u8 = 3;
    pub const STRUCT: u8 = 4;
    pub const UNION: u8 = 5;
    pub const ENUM: u8 = 6;
    pub const TYPEDEF: u8 = 8;
    pub const VOLATILE: u8 = 9;
    pub const CONST: u8 = 10;
    pub const RESTRICT: u8 = 11;
    pub const FUNC: u8 = 12;
    pub const FUNC_PROTO: u8 = 13;
    pub const VAR: u8 = 14;
    pub const DATASEC: u8 = 15;
    pub const FLOAT: u8 = 16;
    pub const DECL_TAG: u8 = 17;
    pub const TYPE_TAG: u8 = 18;
    pub const ENUM64: u8 = 19;
    pub const LAST: u8 = ENUM64;
}

const MAGIC: u16 = 0xeb9f;
/// Bytes of `struct btf_header` that are read.
const HEADER: usize = 24;
/// Bytes of `struct btf_type`.
const TYPE: usize = 12;
/// Bytes of `struct btf_member`.
const MEMBER: usize = 12;

/// The bytes of a BTF file and where its types begin.
#[derive(Debug)]
pub(super) struct Section {
    data: Vec<u8>,
    strings: Range<usize>,
    /// Byte offset of each type; type ids begin at 1.
    types: Vec<u32>,
}

/// `struct btf_type`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    /// Offset of the name in the string section.
    pub name: u32,
    pub kind: u8,
    pub kind_flag: bool,
    /// Number of members, parameters or values.
    pub len: u16,
    pub size_or_type: u32,
    /// Byte offset of what follows the header.
    body: usize,
}

/// `struct btf_member`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawMember {
    pub name: u32,
    pub type_id: u32,
    pub offset: u32,
}

/// `struct btf_array`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array {
    pub type_id: u32,
    pub len: u32,
}

impl Section {
    pub fn new(data: Vec<u8>) -> Result<Self, BtfError> {
        if data.len() > u32::MAX as usize {
            return Err(BtfError::Malformed("larger than 4 GiB"));
        }
        if read_u16(&data, 0) != Some(MAGIC) {
            return Err(BtfError::Malformed(
                "it does not begin with BTF's magic number",
            ));
        }
        let header = |at| read_u32(&data, at).ok_or(BtfError::Malformed("the header is cut short"));
        let header_len = header(4)?;
        if (header_len as usize) < HEADER {
            return Err(BtfError::Malformed("the header is too short"));
        }
        let part = |offset, len| {
            let start = (header_len as usize).saturating_add(offset as usize);
            let end = start.saturating_add(len as usize);
            if end > data.len() {
                return Err(BtfError::Malformed("a section ends behind the file"));
            }
            Ok(start..end)
        };
        let type_bytes = part(header(8)?, header(12)?)?;
        let strings = part(header(16)?, header(20)?)?;
        let types = index(&data, type_bytes)?;
        Ok(Self {
            data,
            strings,
            types,
        })
    }

    /// Every type id.
    pub fn ids(&self) -> Range<u32> {
        // Each type takes 12 of at most 2^32 bytes, so their number fits.
        1..u32::try_from(self.types.len()).map_or(u32::MAX, |len| len + 1)
    }

    /// The type of an id; the id 0, `void`, has none.
    pub fn get(&self, id: u32) -> Result<Type, BtfError> {
        let at = (id as usize)
            .checked_sub(1)
            .and_then(|i| self.types.get(i))
            .ok_or(BtfError::Malformed("a type id is out of range"))?;
        header(&self.data, *at as usize).ok_or(CUT)
    }

    /// Whether the name at this offset of the string section is `name`.
    pub fn is_named(&self, offset: u32, name: &str) -> bool {
        self.data
            .get(self.strings.clone())
            .and_then(|strings| strings.get(offset as usize..))
            .and_then(|rest| rest.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    }

    /// A member of a structure or union.
    pub fn member(&self, of: &Type, index: u16) -> Result<RawMember, BtfError> {
        let at = of.body + usize::from(index) * MEMBER;
        let word = |i| read_u32(&self.data, at + i).ok_or(CUT);
        Ok(RawMember {
            name: word(0)?,
            type_id: word(4)?,
            offset: word(8)?,
        })
    }

    /// What follows an array's header.
    pub fn array(&self, of: &Type) -> Result<Array, BtfError> {
        let word = |i| read_u32(&self.data, of.body + i).ok_or(CUT);
        Ok(Array {
            type_id: word(0)?,
            len: word(8)?,
        })
    }

    /// The word that follows an integer's header: encoding, bit offset and number of bits.
    pub fn int(&self, of: &Type) -> Result<u32, BtfError> {
        read_u32(&self.data, of.body).ok_or(CUT)
    }
}

const CUT: BtfError = BtfError::Malformed("a type is cut short");

/// Walks over the types once. Their sizes differ, so that only a walk tells where an id's type is.
fn index(data: &[u8], types: Range<usize>) -> Result<Vec<u32>, BtfError> {
    let mut starts = Vec::with_capacity(types.len() / 24);
    let mut at = types.start;
    while at < types.end {
        let found = header(data, at).ok_or(CUT)?;
        let len = usize::from(found.len);
        let body = match found.kind {
            kind::INT | kind::VAR | kind::DECL_TAG => 4,
            kind::ARRAY => 12,
            kind::STRUCT | kind::UNION => MEMBER * len,
            kind::ENUM | kind::FUNC_PROTO => 8 * len,
            kind::DATASEC | kind::ENUM64 => 12 * len,
            1..=kind::LAST => 0,
            _ => return Err(BtfError::Malformed("a type is of an unknown kind")),
        };
        starts.push(u32::try_from(at).map_err(|_| CUT)?);
        at = found.body + body;
    }
    if at != types.end {
        return Err(CUT);
    }
    Ok(starts)
}

fn header(data: &[u8], at: usize) -> Option<Type> {
    let info = read_u32(data, at + 4)?;
    Some(Type {
        name: read_u32(data, at)?,
        kind: (info >> 24) as u8 & 0x1f,
        kind_flag: info >> 31 != 0,
        len: info as u16,
        size_or_type: read_u32(data, at + 8)?,
        body: at + TYPE,
    })
}

fn read_u16(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

fn read_u32(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

use super::{
    BtfError,
    section::{RawMember, Section, Type, kind},
};

/// Chains of typedefs and qualifiers, and nested arrays, are followed this far; as the kernel's
/// own `MAX_RESOLVE_DEPTH`.
const DEPTH: u32 = 32;
/// Members looked at in one search. The kernel's largest structures have a few hundred; only
/// crafted bytes, anonymous structures that contain each other, reach it.
const MEMBERS: u32 = 100_000;

/// Where a member is and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Bytes from the start of the structure.
    pub byte_offset: u32,
    /// First bit inside that byte; 0 but for bit-fields.
    pub bit_offset: u8,
    /// Number of bits; none for what is no bit-field.
    pub bitfield_size: Option<u8>,
    /// Bytes of its type; of a bit-field's declared type.
    pub size: u32,
    /// What it is, behind typedefs and qualifiers.
    pub kind: Kind,
}

/// What a type is, behind typedefs and qualifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are C's own")]
pub enum Kind {
    Int,
    Float,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    /// Anything that can't be a member's type in C.
    Other,
}

/// Finds the member at `path` below the structure `id`.
pub(super) fn find(section: &Section, id: u32, path: &str) -> Result<Option<Member>, BtfError> {
    let mut budget = MEMBERS;
    let mut owner = id;
    let mut found = None;
    let mut base = 0_u32;
    for name in path.split('.') {
        let Some(place) = find_one(section, owner, name, base, DEPTH, &mut budget)? else {
            return Ok(None);
        };
        owner = place.type_id;
        base = place.bits;
        found = Some(place);
    }
    found.map(|place| place.into_member(section)).transpose()
}

/// A member inside the outermost structure.
struct Place {
    /// Bits from the start of that structure.
    bits: u32,
    bitfield_size: Option<u8>,
    type_id: u32,
}

/// Searches one structure or union, which begins `base` bits into the outermost one, and the
/// anonymous ones in it.
fn find_one(
    section: &Section,
    owner: u32,
    name: &str,
    base: u32,
    depth: u32,
    budget: &mut u32,
) -> Result<Option<Place>, BtfError> {
    if name.is_empty() || owner == 0 {
        return Ok(None);
    }
    let depth = depth
        .checked_sub(1)
        .ok_or(BtfError::Malformed("structures are nested too deeply"))?;
    let owner = peel(section, owner)?;
    if !matches!(owner.kind, kind::STRUCT | kind::UNION) {
        return Ok(None);
    }
    for index in 0..owner.len {
        *budget = budget
            .checked_sub(1)
            .ok_or(BtfError::Malformed("structures have too many members"))?;
        let raw = section.member(&owner, index)?;
        let place = place(section, &owner, raw, base)?;
        if raw.name == 0 || section.is_named(raw.name, "") {
            let inner = find_one(section, place.type_id, name, place.bits, depth, budget)?;
            if inner.is_some() {
                return Ok(inner);
            }
        } else if section.is_named(raw.name, name) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// Where a member lies. A structure with `kind_flag` keeps a bit-field's size in the offset; one
/// without (pahole before 1.16) in an integer type of that many bits.
fn place(section: &Section, owner: &Type, raw: RawMember, base: u32) -> Result<Place, BtfError> {
    let (mut bits, mut bitfield_size) = (raw.offset, 0);
    if owner.kind_flag {
        bits = raw.offset & 0x00ff_ffff;
        bitfield_size = (raw.offset >> 24) as u8;
    } else if let Some((offset, size)) = narrow_int(section, raw.type_id)? {
        bits = bits.saturating_add(offset);
        bitfield_size = size;
    }
    let bits = base
        .checked_add(bits)
        .ok_or(BtfError::Malformed("a member's offset is too large"))?;
    Ok(Place {
        bits,
        bitfield_size: (bitfield_size != 0).then_some(bitfield_size),
        type_id: raw.type_id,
    })
}

/// Bit offset and number of bits of an integer type that does not fill its bytes.
fn narrow_int(section: &Section, id: u32) -> Result<Option<(u32, u8)>, BtfError> {
    let found = peel(section, id)?;
    if found.kind != kind::INT {
        return Ok(None);
    }
    let encoding = section.int(&found)?;
    let (offset, size) = (encoding >> 16 & 0xff, encoding as u8);
    let narrow = u64::from(size) != u64::from(found.size_or_type) * 8;
    Ok(narrow.then_some((offset, size)))
}

impl Place {
    fn into_member(self, section: &Section) -> Result<Member, BtfError> {
        let bit_offset = (self.bits % 8) as u8;
        if bit_offset != 0 && self.bitfield_size.is_none() {
            return Err(BtfError::Malformed("a member begins inside a byte"));
        }
        let found = peel(section, self.type_id)?;
        Ok(Member {
            byte_offset: self.bits / 8,
            bit_offset,
            bitfield_size: self.bitfield_size,
            size: size(section, self.type_id)?,
            kind: match found.kind {
                kind::INT => Kind::Int,
                kind::FLOAT => Kind::Float,
                kind::PTR => Kind::Ptr,
                kind::ARRAY => Kind::Array,
                kind::STRUCT => Kind::Struct,
                kind::UNION => Kind::Union,
                kind::ENUM | kind::ENUM64 => Kind::Enum,
                _ => Kind::Other,
            },
        })
    }
}

/// Strips typedefs, qualifiers and type tags.
fn peel(section: &Section, mut id: u32) -> Result<Type, BtfError> {
    for _ in 0..DEPTH {
        let found = section.get(id)?;
        match found.kind {
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                id = found.size_or_type;
            }
            _ => return Ok(found),
        }
    }
    Err(BtfError::Malformed("a chain of typedefs is too long"))
}

/// Bytes of a type.
fn size(section: &Section, mut id: u32) -> Result<u32, BtfError> {
    let mut elements = 1_u32;
    for _ in 0..DEPTH {
        let found = peel(section, id)?;
        let one = match found.kind {
            kind::ARRAY => {
                let array = section.array(&found)?;
                elements = elements.checked_mul(array.len).ok_or(TOO_LARGE)?;
                id = array.type_id;
                continue;
            }
            kind::PTR => size_of::<usize>() as u32,
            kind::FUNC | kind::FUNC_PROTO => 0,
            _ => found.size_or_type,
        };
        return elements.checked_mul(one).ok_or(TOO_LARGE);
    }
    Err(BtfError::Malformed("arrays are nested too deeply"))
}

const TOO_LARGE: BtfError = BtfError::Malformed("a type is too large");

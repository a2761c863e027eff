//! Small BTF files for tests.

use super::{Btf, section::kind};

/// Writes BTF type by type.
pub(crate) struct Fixture {
    types: Vec<u8>,
    strings: Vec<u8>,
    next_id: u32,
}

impl Fixture {
    pub fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            next_id: 1,
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        offset
    }

    /// A type with its body; its id.
    pub fn add(&mut self, name: &str, info: u32, size_or_type: u32, body: &[u32]) -> u32 {
        let name = self.name(name);
        for word in [name, info, size_or_type].iter().chain(body) {
            self.types.extend(word.to_ne_bytes());
        }
        self.next_id += 1;
        self.next_id - 1
    }

    pub fn int(&mut self, name: &str, size: u32) -> u32 {
        self.add(name, u32::from(kind::INT) << 24, size, &[size * 8])
    }

    /// A modifier, pointer or function: a type that refers to another one.
    pub fn refer(&mut self, of_kind: u8, name: &str, id: u32) -> u32 {
        self.add(name, u32::from(of_kind) << 24, id, &[])
    }

    pub fn pointer(&mut self, id: u32) -> u32 {
        self.refer(kind::PTR, "", id)
    }

    pub fn array(&mut self, element: u32, len: u32) -> u32 {
        self.add("", u32::from(kind::ARRAY) << 24, 0, &[element, 0, len])
    }

    /// Members are (name, type, offset in bits).
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        self.aggregate(u32::from(kind::STRUCT) << 24, name, size, members)
    }

    /// A structure with `kind_flag`: the upper 8 bits of an offset are a bit-field's size.
    pub fn bitfields(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        self.aggregate(u32::from(kind::STRUCT) << 24 | 1 << 31, name, size, members)
    }

    fn aggregate(&mut self, info: u32, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let mut body = Vec::new();
        for (name, type_id, offset) in members {
            body.extend([self.name(name), *type_id, *offset]);
        }
        self.add(name, info | members.len() as u32, size, &body)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [24, 0, types, types, strings] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }

    pub fn build(&self) -> Btf {
        Btf::from_bytes(self.bytes()).unwrap()
    }
}

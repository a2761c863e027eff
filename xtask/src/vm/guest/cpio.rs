//! Writing a cpio archive in the format that the kernel unpacks as its first file system:
//! Documentation/driver-api/early-userspace/buffer-format.rst of the kernel, `newc`.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Component, Path},
};

use anyhow::{Context as _, Result, bail};

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// An archive that is being written.
pub struct Archive<W> {
    out: W,
    entries: u32,
    /// Names that are in it already.
    names: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub fn new(out: W) -> Self {
        Self {
            out,
            entries: 0,
            names: BTreeSet::new(),
        }
    }

    /// A copy of the file at the same path; once, however often it is asked for.
    ///
    /// # Errors
    /// When the file can't be read or the archive not be written.
    pub fn copy(&mut self, path: &Path) -> Result<()> {
        self.copy_to(path, path)
    }

    /// A copy of the file `from` at the absolute path `to`.
    ///
    /// # Errors
    /// When the file can't be read or the archive not be written.
    pub fn copy_to(&mut self, from: &Path, to: &Path) -> Result<()> {
        let content = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
        self.file(to, &content)
    }

    /// An executable file with this content at an absolute path.
    ///
    /// # Errors
    /// When the archive can't be written.
    pub fn file(&mut self, path: &Path, content: &[u8]) -> Result<()> {
        self.entry(path, FILE, (0, 0), content)
    }

    /// A character device.
    ///
    /// # Errors
    /// When the archive can't be written.
    pub fn device(&mut self, path: &Path, major: u32, minor: u32) -> Result<()> {
        self.entry(path, CHARACTER_DEVICE, (major, minor), &[])
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(mut self) -> Result<W> {
        self.write("TRAILER!!!", 0, (0, 0), &[])?;
        self.out.flush().context("writing an archive")?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &Path, mode: u32, device: (u32, u32), content: &[u8]) -> Result<()> {
        let mut name = String::new();
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            match part {
                Component::RootDir => continue,
                Component::Normal(part) => {
                    let part = part.to_str();
                    name += part.with_context(|| format!("{} is not UTF-8", path.display()))?;
                }
                _ => bail!("{} is not a plain absolute path", path.display()),
            }
            let is_new = self.names.insert(name.clone());
            match parts.peek() {
                Some(_) if is_new => self.write(&name, DIRECTORY, (0, 0), &[])?,
                None if is_new => self.write(&name, mode, device, content)?,
                _ => {}
            }
            name.push('/');
        }
        Ok(())
    }

    fn write(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) -> Result<()> {
        self.entries += 1;
        let size = u32::try_from(content.len()).with_context(|| format!("{name} is too large"))?;
        let name_size = u32::try_from(name.len() + 1).context("a name is too long")?;
        let (user, group, links, time, checksum) = (0, 0, 1, 0, 0);
        let fields = [
            self.entries,
            mode,
            user,
            group,
            links,
            time,
            size,
            0,
            0,
            device.0,
            device.1,
            name_size,
            checksum,
        ];
        let mut bytes = b"070701".to_vec();
        for field in fields {
            bytes.extend(format!("{field:08x}").bytes());
        }
        bytes.extend(name.bytes());
        bytes.push(0);
        // Name and content begin at multiples of four bytes.
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.out.write_all(&bytes).context("writing an archive")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Archive;

    #[test]
    fn directories_come_first_and_once() {
        let mut archive = Archive::new(Vec::new());
        archive.file(Path::new("/bin/one"), b"12345").unwrap();
        archive.file(Path::new("/bin/two"), b"").unwrap();
        archive.file(Path::new("/bin/two"), b"again").unwrap();
        archive.device(Path::new("/dev/console"), 5, 1).unwrap();
        let bytes = archive.finish().unwrap();
        let mut names = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let field = |at: usize| {
                let text = std::str::from_utf8(&rest[6 + 8 * at..14 + 8 * at]).unwrap();
                usize::from_str_radix(text, 16).unwrap()
            };
            assert_eq!(&rest[..6], b"070701");
            let (size, name_size) = (field(6), field(11));
            let name = std::str::from_utf8(&rest[110..110 + name_size - 1]).unwrap();
            names.push((name.to_owned(), size));
            let content = (110 + name_size).next_multiple_of(4);
            rest = &rest[(content + size).next_multiple_of(4)..];
        }
        let names: Vec<_> = names
            .iter()
            .map(|(name, size)| (&name[..], *size))
            .collect();
        let expected = [
            ("bin", 0),
            ("bin/one", 5),
            ("bin/two", 0),
            ("dev", 0),
            ("dev/console", 0),
            ("TRAILER!!!", 0),
        ];
        assert_eq!(names, expected);
    }
}

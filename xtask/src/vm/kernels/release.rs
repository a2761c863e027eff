//! Names of Debian's kernel packages.

use std::cmp::Ordering;

/// The flavour with what a virtual machine needs built in.
const FLAVOUR: &str = "-cloud-amd64";

/// The release in the name of a package, `linux-image-6.12.107+deb13-cloud-amd64` for one. None for
/// other flavours and for packages that only depend on another one.
pub fn of_package(package: &str) -> Option<&str> {
    let release = package.strip_prefix("linux-image-")?;
    let version = release.strip_suffix(FLAVOUR)?;
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then_some(release)
}

/// The line that a release belongs to: `6.12` for `6.12.107+deb13-cloud-amd64`.
pub fn line(release: &str) -> Option<&str> {
    let (end, _) = release.match_indices('.').nth(1)?;
    release.get(..end)
}

/// Compares releases as people do: numbers by value.
pub fn compare(left: &str, right: &str) -> Ordering {
    numbers(left).cmp(&numbers(right))
}

fn numbers(text: &str) -> Vec<u64> {
    let version = text.strip_suffix(FLAVOUR).unwrap_or(text);
    let parts = version.split(|character: char| !character.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{compare, line, of_package};

    #[test]
    fn the_cloud_flavour_has_a_release() {
        let release = "6.12.90+deb12.1-cloud-amd64";
        assert_eq!(of_package(&format!("linux-image-{release}")), Some(release));
        for other in [
            "linux-image-cloud-amd64",
            "linux-image-6.1.0-50-amd64",
            "linux-image-6.1.0-50-cloud-amd64-dbg",
            "linux-binary-7.2.13+deb14-cloud-amd64",
        ] {
            assert_eq!(of_package(other), None, "{other}");
        }
        assert_eq!(line(release), Some("6.12"));
        assert_eq!(line("5.10.0-32-cloud-amd64"), Some("5.10"));
    }

    #[test]
    fn releases_are_compared_by_value() {
        let newer = |left, right| assert_eq!(compare(left, right), Ordering::Greater);
        newer("6.12.117+deb13-cloud-amd64", "6.12.95+deb12-cloud-amd64");
        newer("6.12.90+deb12.1-cloud-amd64", "6.12.90+deb12-cloud-amd64");
        newer("6.1.0-50-cloud-amd64", "6.1.0-9-cloud-amd64");
    }
}

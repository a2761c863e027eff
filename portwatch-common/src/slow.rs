/// How slow a tuple's port searches are of late, in 16 bits of its entry.
///
/// A single slow search means nothing: the searching task may have been interrupted. So every slow
/// search adds one and every fast one takes one away, and only some more slow ones than fast ones
/// are worth telling, once until as many fast ones have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowSearches(u16);

/// Score at which a tuple's searches are called slow.
const SLOW: u16 = 4;
/// The score does not grow beyond.
const MOST: u16 = 8;
/// Set when it has been told.
const TOLD: u16 = 1 << 8;

impl SlowSearches {
    /// From the 16 bits of the entry.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// For the entry.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// After one more search. The second value is true when it is to be told.
    #[inline(always)]
    #[must_use]
    pub const fn after(self, slow: bool) -> (Self, bool) {
        let (score, told) = (self.0 & (TOLD - 1), self.0 & TOLD);
        if slow {
            let score = if score < MOST { score + 1 } else { MOST };
            if score >= SLOW && told == 0 {
                return (Self(score | TOLD), true);
            }
            return (Self(score | told), false);
        }
        if score <= 1 {
            return (Self(0), false);
        }
        (Self((score - 1) | told), false)
    }
}

#[cfg(test)]
mod tests {
    use super::SlowSearches;

    /// How often it is told, over these searches.
    fn told(searches: &str) -> usize {
        let mut state = SlowSearches::from_bits(0);
        let mut told = 0;
        for search in searches.chars() {
            let (next, tell) = state.after(search == 's');
            state = next;
            told += usize::from(tell);
        }
        told
    }

    #[test]
    fn one_slow_search_means_nothing() {
        assert_eq!(told("sfsfsfsfsfsfsf"), 0);
        assert_eq!(told("sss"), 0);
    }

    #[test]
    fn slow_searches_are_told_once() {
        assert_eq!(told("ssss"), 1);
        assert_eq!(told(&"s".repeat(1000)), 1);
        assert_eq!(told("ssssssffsss"), 1);
    }

    #[test]
    fn told_again_after_fast_ones() {
        assert_eq!(told("ssssffffssss"), 2);
        assert_eq!(told(&("s".repeat(1000) + &"f".repeat(8) + "ssss")), 2);
    }
}

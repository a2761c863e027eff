//! Which columns a width has room for, and how wide each gets.

use super::text::Side;
use crate::output::tui::state::Column;

/// A column of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Whether the row is selected, and how bad it is.
    Mark,
    /// What a group has in common.
    Group,
    /// Tuples of a group.
    Tuples,
    /// Namespace or container.
    Netns,
    /// Local address.
    Local,
    /// Peer.
    Peer,
    /// Ports held of those that could be.
    Ports,
    /// Share of the capacity, as a bar and a number.
    Full,
    /// Live connections.
    Live,
    /// Connections in TIME_WAIT.
    TimeWait,
    /// Ports held through bind.
    Blocked,
    /// Net growth a second.
    Rate,
    /// Time to exhaustion.
    Left,
    /// Failures a second.
    Failing,
    /// Failures in all.
    Failures,
    /// Who has the connections.
    Owner,
}

/// What a column asks for.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub title: &'static str,
    pub side: Side,
    /// Below this it is left out.
    pub least: usize,
    /// No content makes it wider.
    pub most: usize,
    /// Whether its content may be cut.
    pub cut: bool,
    /// What is left out last, and grows first, has the least.
    pub rank: u8,
    /// What the reader sorts by to sort by this.
    pub sort: Option<Column>,
}

/// Columns for tuples, left to right.
pub const TUPLES: [Field; 14] = [
    Field::Mark,
    Field::Netns,
    Field::Local,
    Field::Peer,
    Field::Ports,
    Field::Full,
    Field::Live,
    Field::TimeWait,
    Field::Blocked,
    Field::Rate,
    Field::Left,
    Field::Failing,
    Field::Failures,
    Field::Owner,
];

/// Columns for groups, left to right.
pub const GROUPS: [Field; 11] = [
    Field::Mark,
    Field::Group,
    Field::Tuples,
    Field::Ports,
    Field::Full,
    Field::Live,
    Field::TimeWait,
    Field::Rate,
    Field::Left,
    Field::Failing,
    Field::Failures,
];

impl Field {
    /// What it asks for.
    pub fn shape(self) -> Shape {
        let name = |title, least, most, rank, sort| Shape {
            title,
            side: Side::Left,
            least,
            most,
            cut: true,
            rank,
            sort: Some(sort),
        };
        let number = |title: &'static str, rank, sort| Shape {
            title,
            side: Side::Right,
            // The mark of the column that is sorted by finds room behind the title.
            least: title.len() + 1,
            most: 13,
            cut: false,
            rank,
            sort: Some(sort),
        };
        match self {
            Self::Mark => Shape {
                title: "",
                side: Side::Left,
                least: 2,
                most: 2,
                cut: false,
                rank: 0,
                sort: Some(Column::Worst),
            },
            Self::Group => name("", 24, 60, 1, Column::Worst),
            Self::Tuples => number("TUPLES", 6, Column::Worst),
            Self::Netns => name("NETNS", 10, 24, 4, Column::Netns),
            Self::Local => name("LOCAL", 9, 39, 12, Column::Local),
            Self::Peer => name("PEER", 14, 47, 1, Column::Peer),
            Self::Ports => number("USED/CAP", 1, Column::Used),
            Self::Full => Shape {
                title: "FULL",
                side: Side::Left,
                least: 10,
                most: 25,
                cut: true,
                rank: 5,
                sort: Some(Column::Utilisation),
            },
            Self::Live => number("LIVE", 8, Column::Live),
            Self::TimeWait => number("TW", 9, Column::TimeWait),
            Self::Blocked => number("BLK", 10, Column::Blocked),
            Self::Rate => number("NET/S", 7, Column::Rate),
            Self::Left => number("TTE", 2, Column::Left),
            Self::Failing => number("FAIL/S", 2, Column::Failing),
            Self::Failures => number("FAILED", 11, Column::Failures),
            Self::Owner => name("OWNER", 12, 40, 3, Column::Owner),
        }
    }
}

/// Columns that a width has room for, left to right, with their widths. `wants` are the widths of
/// their contents.
pub fn fit(width: usize, fields: &[Field], wants: &[usize]) -> Vec<(Field, usize)> {
    let wants = wants.iter().chain(std::iter::repeat(&0));
    let mut columns: Vec<(Field, usize, usize)> = fields
        .iter()
        .zip(wants)
        .map(|(field, want)| {
            let shape = field.shape();
            let want = (*want).clamp(shape.least, shape.most.max(shape.least));
            let least = if shape.cut { shape.least } else { want };
            (*field, least, want)
        })
        .collect();
    let total = |columns: &[(Field, usize, usize)]| {
        let blanks = columns.len().saturating_sub(1);
        columns.iter().map(|column| column.1).sum::<usize>() + blanks
    };
    while columns.len() > 1 && total(&columns) > width {
        let last = columns.iter().enumerate();
        let Some((place, _)) = last.max_by_key(|(_, column)| column.0.shape().rank) else {
            break;
        };
        columns.remove(place);
    }
    let mut room = width.saturating_sub(total(&columns));
    let mut order: Vec<usize> = (0..columns.len()).collect();
    // A bar has no content of its own: it takes what is left.
    order.sort_by_key(|place| match columns[*place].0 {
        Field::Full => u8::MAX,
        field => field.shape().rank,
    });
    for place in order {
        let (field, least, want) = &mut columns[place];
        let want = match field {
            Field::Full => field.shape().most,
            _ => *want,
        };
        let more = want.saturating_sub(*least).min(room);
        *least += more;
        room -= more;
    }
    columns
        .into_iter()
        .map(|(field, width, _)| (field, width))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Field, TUPLES, fit};

    fn names(width: usize) -> Vec<Field> {
        fit(width, &TUPLES, &[])
            .into_iter()
            .map(|(field, _)| field)
            .collect()
    }

    #[test]
    fn eighty_columns_have_what_matters() {
        use Field::{Failing, Full, Left, Mark, Netns, Owner, Peer, Ports};
        let expected = [Mark, Netns, Peer, Ports, Full, Left, Failing, Owner];
        assert_eq!(names(80), expected);
        assert_eq!(names(200), TUPLES);
        assert_eq!(names(20), [Mark, Peer]);
        assert_eq!(names(0), [Mark]);
    }

    #[test]
    fn nothing_is_wider_than_the_screen() {
        for width in 20..300 {
            for want in [0, 7, 30, 100] {
                let columns = fit(width, &TUPLES, &[want; 14]);
                let sum: usize = columns.iter().map(|(_, width)| width).sum();
                assert!(sum + columns.len() - 1 <= width.max(20), "{width} {want}");
            }
        }
    }

    #[test]
    fn contents_get_room_in_the_order_of_their_worth() {
        let mut wants = [0; 14];
        wants[1] = 24;
        wants[3] = 18;
        let width = |width, field| {
            let columns = fit(width, &TUPLES, &wants);
            columns
                .into_iter()
                .find(|column| column.0 == field)
                .map(|column| column.1)
        };
        assert_eq!(width(80, Field::Peer), Some(18));
        assert_eq!(width(80, Field::Netns), Some(11));
        assert_eq!(width(200, Field::Netns), Some(24));
    }
}

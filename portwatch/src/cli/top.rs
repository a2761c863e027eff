use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::{Color, LogArgs, ServedArgs, TracerArgs, TupleArgs};
use crate::{
    model::Ratio,
    output::tui::{Column, GroupBy},
};

/// `portwatch top`
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Call it a warning from this share of a tuple's capacity on: 0.5 or 50%
    #[arg(long, value_name = "RATIO", default_value = "50%")]
    pub warning: Ratio,
    /// Call it critical from this share on
    #[arg(long, value_name = "RATIO", default_value = "80%")]
    pub critical: Ratio,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub view: ViewArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub log: LogArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub tuples: TupleArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub served: ServedArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub tracer: TracerArgs,
}

/// How the screen begins.
#[derive(Args, Clone, Copy, Debug)]
pub struct ViewArgs {
    /// Sort by this column
    #[arg(long, value_name = "COLUMN", default_value = "worst", value_parser = columns())]
    pub sort: Column,
    /// One row for all tuples that have this in common
    #[arg(long, value_name = "WHAT", default_value = "none", value_parser = groups())]
    pub group: GroupBy,
    /// Stop the display at the first connect that finds no port
    #[arg(long)]
    pub freeze: bool,
    /// When to use colour; auto is unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

fn columns() -> impl TypedValueParser<Value = Column> {
    let names = PossibleValuesParser::new(Column::ALL.map(Column::name));
    // Only the names above get here.
    names.map(|name| Column::named(&name).unwrap_or_default())
}

fn groups() -> impl TypedValueParser<Value = GroupBy> {
    let names = PossibleValuesParser::new(GroupBy::ALL.map(GroupBy::name));
    names.map(|name| GroupBy::named(&name).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::{
        cli::{Cli, Command, TopArgs},
        output::tui::{Column, GroupBy},
    };

    fn top(line: &str) -> Option<TopArgs> {
        match Cli::try_parse_from(line.split(' ')).ok()?.into_command() {
            Command::Top(args) => Some(*args),
            _ => None,
        }
    }

    #[test]
    fn the_screen_begins_worst_first() {
        let view = top("portwatch top").unwrap().view;
        assert_eq!((view.sort, view.group), (Column::Worst, GroupBy::None));
        assert!(!view.freeze);
    }

    #[test]
    fn columns_and_groups_have_names() {
        let view = top("portwatch top --sort time-wait --group container --freeze -N web1");
        let view = view.unwrap().view;
        assert_eq!(
            (view.sort, view.group),
            (Column::TimeWait, GroupBy::Container)
        );
        assert!(view.freeze);
        assert!(top("portwatch top --sort nothing").is_none());
        assert!(top("portwatch top --json").is_none());
    }
}

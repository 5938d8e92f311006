//! What is known of each group, by its number.

use probity_model::value::Value;

use crate::plan::GroupId;

/// What is known of a group.
#[derive(Clone, Default)]
pub(super) enum Memo {
    #[default]
    Unknown,
    /// It is being evaluated.
    Busy,
    Undefined,
    Value(Value),
}

static UNKNOWN: Memo = Memo::Unknown;

/// Groups in a page.
const PAGE: usize = 32;

/// What is known of all groups. An evaluation looks at few of a large bundle's, so there are pages, made when they are
/// needed.
#[derive(Default)]
pub(super) struct Memos {
    pages: Vec<Option<Box<[Memo; PAGE]>>>,
}

impl Memos {
    /// Of so many groups nothing is known.
    pub(super) fn new(groups: usize) -> Self {
        Self { pages: vec![None; groups.div_ceil(PAGE)] }
    }

    pub(super) fn get(&self, group: GroupId) -> &Memo {
        let group = group as usize;
        self.pages[group / PAGE].as_ref().map_or(&UNKNOWN, |page| &page[group % PAGE])
    }

    pub(super) fn set(&mut self, group: GroupId, memo: Memo) {
        let group = group as usize;
        let page = self.pages[group / PAGE].get_or_insert_with(|| Box::new([const { Memo::Unknown }; PAGE]));
        page[group % PAGE] = memo;
    }
}

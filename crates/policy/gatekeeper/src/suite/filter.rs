//! Which tests and cases of suites are run.

use regex::Regex;

/// Regular expressions over the names of tests and cases, as `gator verify --run` takes them.
#[derive(Debug, Clone, Default)]
pub enum Filter {
    /// Everything.
    #[default]
    All,
    /// `name`: cases of that name, and all cases of tests of that name.
    Either(Regex),
    /// `test//case`: cases of that name in tests of that name.
    Both(Regex, Regex),
}

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no filter; write a regular expression for the names of tests or cases, or two parted by `//`")]
pub struct FilterError(String);

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let regex = |part: &str| Regex::new(part).map_err(|_| FilterError(text.to_owned()));
        match text.split("//").collect::<Vec<_>>()[..] {
            [""] => Ok(Self::All),
            [one] => Ok(Self::Either(regex(one)?)),
            [test, case] => Ok(Self::Both(regex(test)?, regex(case)?)),
            _ => Err(FilterError(text.to_owned())),
        }
    }
}

impl Filter {
    pub(super) fn takes_test<'c>(&self, test: &str, mut cases: impl Iterator<Item = &'c str>) -> bool {
        match self {
            Self::All => true,
            Self::Either(regex) => regex.is_match(test) || cases.any(|case| regex.is_match(case)),
            Self::Both(regex, _) => regex.is_match(test),
        }
    }

    pub(super) fn takes_case(&self, test: &str, case: &str) -> bool {
        match self {
            Self::All => true,
            Self::Either(regex) => regex.is_match(case) || regex.is_match(test),
            Self::Both(in_test, regex) => in_test.is_match(test) && regex.is_match(case),
        }
    }
}

//! How bad a vulnerability is: CVSS vectors and the words that distributions use.

use cvss::Cvss;
use probity_model::Severity;
use serde::{Deserialize, Serialize};

/// One rating of a vulnerability, by one source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rating {
    /// A CVSS vector of version 2.0, 3.0, 3.1 or 4.0: `CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H`.
    Cvss(String),
    /// A word of a distribution's or a database's own: `important`, `MODERATE`, `negligible`.
    Word(String),
}

impl Rating {
    /// The score that CVSS gives its vector, from 0.0 to 10.0; `None` of a word and of what is no vector.
    pub fn score(&self) -> Option<f64> {
        match self {
            Self::Cvss(vector) => {
                let vector = vector.trim();
                vector.parse::<Cvss>().ok().filter(|_| is_complete(vector)).map(|cvss| cvss.score())
            }
            Self::Word(_) => None,
        }
    }

    /// The severity; `None` when it is not said, as by a score of 0.0 or the word `unknown`.
    pub fn severity(&self) -> Option<Severity> {
        match self {
            Self::Cvss(_) => self.score().and_then(of_score),
            Self::Word(word) => of_word(word),
        }
    }

    /// Which of several ratings counts more: newer versions of CVSS before older ones, those before words.
    pub(crate) fn precedence(&self) -> u8 {
        match self {
            Self::Cvss(vector) if vector.starts_with("CVSS:4") => 3,
            Self::Cvss(vector) if vector.starts_with("CVSS:3") => 2,
            Self::Cvss(_) => 1,
            Self::Word(_) => 0,
        }
    }
}

/// Whether a vector has all the metrics that its version's base score is made of.
fn is_complete(vector: &str) -> bool {
    let base = match vector.split('/').next() {
        Some("CVSS:4.0") => "AV AC AT PR UI VC VI VA SC SI SA",
        Some("CVSS:3.0" | "CVSS:3.1") => "AV AC PR UI S C I A",
        _ => "AV AC Au C I A",
    };
    let has = |name: &str| vector.split('/').any(|metric| metric.split(':').next() == Some(name));
    base.split(' ').all(has)
}

/// The severity and the score of the ratings of one source: the newest version of CVSS, or a word where there is none.
pub fn strongest(ratings: &[Rating]) -> (Option<Severity>, Option<f64>) {
    let mut ratings: Vec<&Rating> = ratings.iter().collect();
    ratings.sort_by_key(|rating| std::cmp::Reverse(rating.precedence()));
    let severity = ratings.iter().find_map(|rating| rating.severity());
    (severity, ratings.iter().find_map(|rating| rating.score()))
}

/// CVSS's qualitative scale.
pub fn of_score(score: f64) -> Option<Severity> {
    Some(match score {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        score if score > 0.0 => Severity::Low,
        _ => return None,
    })
}

/// The words of Debian, Ubuntu, Red Hat, GitHub, Amazon and SUSE.
pub fn of_word(word: &str) -> Option<Severity> {
    Some(match word.trim().trim_matches('*').to_ascii_lowercase().as_str() {
        "critical" => Severity::Critical,
        "high" | "important" => Severity::High,
        "medium" | "moderate" => Severity::Medium,
        "low" => Severity::Low,
        "negligible" | "unimportant" | "info" | "informational" | "none" => Severity::Info,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Rating, strongest};
    use probity_model::Severity;

    /// Scores of the examples that FIRST publishes.
    #[test]
    fn vectors_have_their_scores() {
        let cases = [
            ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", 7.5),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3),
            ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3),
        ];
        for (vector, score) in cases {
            assert_eq!(Rating::Cvss(vector.to_owned()).score(), Some(score), "{vector}");
        }
        assert_eq!(Rating::Cvss("CVSS:3.1/AV:N".to_owned()).score(), None);
    }

    #[test]
    fn newer_versions_of_cvss_count_before_older_ones_and_words() {
        let ratings = [
            Rating::Word("low".to_owned()),
            Rating::Cvss("AV:N/AC:L/Au:N/C:P/I:P/A:P".to_owned()),
            Rating::Cvss("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned()),
        ];
        assert_eq!(strongest(&ratings), (Some(Severity::Critical), Some(9.8)));
        assert_eq!(strongest(&ratings[..1]), (Some(Severity::Low), None));
        assert_eq!(strongest(&[]), (None, None));
    }
}

//! Patterns for IAM actions, such as `s3:Get*`.

/// Whether the pattern allows the action: `*` stands for any characters, `?` for one, and case does not count
/// (IAM User Guide, "IAM JSON policy elements: Action").
pub(crate) fn allows(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.as_bytes(), action.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: one character later.
    let mut retry = None;
    while read < action.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, read));
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&action[read]) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                (at, read) = (star, from + 1);
                retry = Some((star, read));
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_allow_actions() {
        for (pattern, action, expected) in [
            ("*", "iam:PassRole", true),
            ("*:*", "iam:PassRole", true),
            ("iam:*", "iam:PassRole", true),
            ("IAM:passrole", "iam:PassRole", true),
            ("iam:Pass*", "iam:PassRole", true),
            ("iam:*Role", "iam:PassRole", true),
            ("iam:*as*ol?", "iam:PassRole", true),
            ("iam:P?ssRole", "iam:PassRole", true),
            ("iam:PassRole*", "iam:PassRole", true),
            ("iam:Pass", "iam:PassRole", false),
            ("iam:PassRoles", "iam:PassRole", false),
            ("s3:*", "iam:PassRole", false),
            ("iam:*User", "iam:PassRole", false),
            ("", "iam:PassRole", false),
            ("", "", true),
        ] {
            assert_eq!(allows(pattern, action), expected, "{pattern} {action}");
        }
    }
}

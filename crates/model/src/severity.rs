use crate::policy::words;

words! {
    /// How bad it is when a policy does not hold.
    #[derive(PartialOrd, Ord, Hash)]
    Severity: "a severity" {
        /// Good practice; nothing is at risk by this alone.
        Info = "info",
        /// Weakens the defence in depth.
        Low = "low",
        /// A real weakness that needs something else to go wrong.
        Medium = "medium",
        /// Can be exploited or loses data by itself.
        High = "high",
        /// Open now: data or root-equivalent rights are exposed.
        Critical = "critical",
    }
}

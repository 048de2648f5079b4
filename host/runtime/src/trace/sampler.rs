//! Which traces are sent on, when there is somewhere to send them: the samplers that `OTEL_TRACES_SAMPLER` names.

/// What decides about a trace that begins here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// All of them.
    Always,
    /// None.
    Never,
    /// This share of them, 0 to 1, by the trace's id: whoever sees the same trace decides the same.
    Ratio(f64),
}

/// Decides which traces are sent on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// What decides.
    pub rule: Rule,
    /// Whether a trace that comes from outside is decided about there.
    pub follows_parent: bool,
    /// Traces of a second that are sent on at most, besides those that are kept here; `None` for as many as there are.
    pub per_second: Option<u32>,
}

/// The part of a trace's id that is random, by the W3C recommendation (level 2): its last 56 bits.
const RANDOM_BITS: u32 = 56;

impl Sampler {
    /// Sends nothing.
    pub const OFF: Self = Self { rule: Rule::Never, follows_parent: false, per_second: None };

    /// Whether a trace is sent on; `parent` says what was decided about it where it came from.
    pub(super) fn samples(&self, trace_id: u128, parent: Option<bool>) -> bool {
        match parent {
            Some(sampled) if self.follows_parent => sampled,
            _ => match self.rule {
                Rule::Always => true,
                Rule::Never => false,
                Rule::Ratio(ratio) => randomness(trace_id) >= 1.0 - ratio,
            },
        }
    }

    /// Whether who says that its trace is sampled gets what it would not have got without saying so.
    pub(super) fn obeys_strangers(&self) -> bool {
        self.follows_parent && self.rule != Rule::Always
    }
}

/// 0 to 1, as OpenTelemetry's consistent sampling reads it.
fn randomness(trace_id: u128) -> f64 {
    let space = 1u64 << RANDOM_BITS;
    // The conversion is exact to one part in 2^53, and the low half holds all 56 bits.
    (trace_id as u64 & (space - 1)) as f64 / space as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rule: Rule) -> Sampler {
        Sampler { rule, ..Sampler::OFF }
    }

    #[test]
    fn a_ratio_takes_its_share_of_ids_and_a_parent_comes_first() {
        let ids = || (0..10_000u64).map(|n| u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let taken = |ratio| {
            let sampler = Sampler { follows_parent: true, ..of(Rule::Ratio(ratio)) };
            ids().filter(|id| sampler.samples(*id, None)).count()
        };
        assert_eq!((taken(0.0), taken(1.0)), (0, 10_000));
        assert!((900..1100).contains(&taken(0.1)), "{}", taken(0.1));
        for (follows_parent, expected) in [(true, [true, false]), (false, [false, false])] {
            let sampler = Sampler { follows_parent, ..of(Rule::Never) };
            assert_eq!([true, false].map(|parent| sampler.samples(1, Some(parent))), expected);
        }
        let all = of(Rule::Always);
        assert!(all.samples(1, Some(false)));
    }

    #[test]
    fn the_share_of_a_ratio_does_not_depend_on_how_ids_of_requests_are_made() {
        let sampler = of(Rule::Ratio(0.5));
        let ids = (0..64u128).map(|n| (n << (RANDOM_BITS - 6)) | (0b10 << 62) | (7 << 76));
        assert_eq!(ids.filter(|id| sampler.samples(*id, None)).count(), 32);
    }
}

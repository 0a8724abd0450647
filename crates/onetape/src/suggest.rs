//! Names that look like one that was mistyped.

/// The candidate that is most like a word, if any is like it.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let like = |candidate: &'a str| (strsim::jaro_winkler(word, candidate), candidate);
    let best = candidates.into_iter().map(like).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > LIKE).map(|(_, candidate)| candidate)
}

/// From where on two names are taken for the same: a letter or two apart.
const LIKE: f64 = 0.85;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_or_two_apart_is_alike_and_more_is_not() {
        let names = ["store", "pipeline.batch_size", "provider.max_limit"];
        assert_eq!(closest("stroe", names), Some("store"));
        assert_eq!(closest("pipeline.batchsize", names), Some("pipeline.batch_size"));
        assert_eq!(closest("colour", names), None);
    }
}

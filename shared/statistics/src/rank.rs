//! The exact rank test.

/// The chance that candidate values as high as these, or higher, come from the reference's own distribution: the exact
/// distribution of the rank sum over all ways to share the values out between the two (Mann and Whitney, 1947), ties by
/// middle ranks. Exact for whatever distribution the values have, two groups and heavy tails included, because under
/// "the candidate is the reference renamed" all those ways are equally likely.
///
/// 1 where one side is empty.
pub fn rank_test(candidate: &[f64], reference: &[f64]) -> f64 {
    let (n, m) = (candidate.len(), reference.len());
    if n == 0 || m == 0 {
        return 1.0;
    }
    let all: Vec<f64> = candidate.iter().chain(reference).copied().collect();
    let ranks = doubled_ranks(&all);
    let total: usize = ranks.iter().sum();
    let observed: usize = ranks[..n].iter().sum();
    // The smaller group is counted: the candidate's sum is high exactly where the rest's is low.
    match n <= m {
        true => share(&ranks, n, |sum| sum >= observed),
        false => share(&ranks, m, |sum| total - sum >= observed),
    }
}

/// Twice the middle rank of each value, from 2: whole numbers with ties.
fn doubled_ranks(values: &[f64]) -> Vec<usize> {
    let below = |value: f64| values.iter().filter(|other| **other < value).count();
    let equal = |value: f64| values.iter().filter(|other| **other == value).count();
    values.iter().map(|value| 2 * below(*value) + equal(*value) + 1).collect()
}

/// The share of all choices of `size` ranks whose sum counts.
fn share(ranks: &[usize], size: usize, counts: impl Fn(usize) -> bool) -> f64 {
    let highest = {
        let mut sorted = ranks.to_vec();
        sorted.sort_unstable();
        sorted.iter().rev().take(size).sum::<usize>()
    };
    // ways[k][s]: choices of k of the ranks seen so far with the sum s.
    let mut ways = vec![vec![0.0f64; highest + 1]; size + 1];
    ways[0][0] = 1.0;
    for (seen, &rank) in ranks.iter().enumerate() {
        for k in (1..=size.min(seen + 1)).rev() {
            let (fewer, more) = ways.split_at_mut(k);
            for (to, from) in more[0][rank.min(highest + 1)..].iter_mut().zip(&fewer[k - 1]) {
                *to += from;
            }
        }
    }
    let of_size = &ways[size];
    let counted: f64 = of_size.iter().enumerate().filter(|(sum, _)| counts(*sum)).map(|(_, ways)| ways).sum();
    (counted / of_size.iter().sum::<f64>()).min(1.0)
}

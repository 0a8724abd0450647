//! Sparklines: a row of numbers as a row of bars.

use std::ops::{Add, Div, Sub};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last numbers as bars between the lowest and the highest of them; exact numbers stay exact.
pub(crate) fn line<N>(numbers: &[N], width: usize) -> String
where
    N: Copy + PartialOrd + From<u8> + Add<Output = N> + Sub<Output = N> + Div<Output = N>,
{
    let shown = &numbers[numbers.len().saturating_sub(width)..];
    let Some(first) = shown.first() else { return String::new() };
    let pick =
        |low: N, number: &N, better: fn(&N, &N) -> bool| if better(number, &low) { *number } else { low };
    let low = shown.iter().fold(*first, |low, number| pick(low, number, |a, b| a < b));
    let high = shown.iter().fold(*first, |high, number| pick(high, number, |a, b| a > b));
    // Divided first: numbers of 28 digits have no room above them.
    let step = (high - low) / N::from(8);
    let bar = |number: &N| {
        let mut threshold = low;
        let mut level = 0;
        while level < BARS.len() - 1 {
            threshold = threshold + step;
            if *number < threshold || low == high {
                break;
            }
            level += 1;
        }
        BARS[level]
    };
    shown.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use onetape::domain::decimal::Price;

    use super::*;

    #[test]
    fn bars_reach_from_the_lowest_to_the_highest_of_the_last_numbers() {
        assert_eq!(line(&[9.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 8), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[3.0, 1.0, 2.0], 8), "█▁▅");
        assert_eq!(line(&[2.0, 2.0], 8), "▁▁");
        assert_eq!(line::<f64>(&[], 8), "");
    }

    #[test]
    fn the_largest_prices_fit() {
        let price = |text: &str| Price::parse("price", text).expect("a price").get();
        let prices = [price("1"), price("9999999999999999999999999999"), price("0.000000000001")];
        assert_eq!(line(&prices, 8), "▁█▁");
    }
}

//! Line charts as SVG. Text stays text: the viewer has the fonts, this machine needs none.

use std::path::Path;

use anyhow::{Context, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// A chart of lines.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) curves: Vec<Curve>,
}

/// One axis of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) label: String,
    pub(crate) tick: fn(f64) -> String,
    /// Logarithmic; the values must be above 0.
    pub(crate) is_log: bool,
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) label: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Writes `chart` to `path`; a chart without points is not written.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn draw(path: &Path, chart: &Chart) -> anyhow::Result<()> {
    let svg = render(chart)?;
    std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))
}

fn render(chart: &Chart) -> anyhow::Result<String> {
    let (x, y) =
        (extent(chart, |point| point.0, chart.x.is_log), extent(chart, |point| point.1, chart.y.is_log));
    let mut svg = String::new();
    let result = match (chart.x.is_log, chart.y.is_log) {
        (true, true) => render_on(chart, &mut svg, x.log_scale(), y.log_scale()),
        (false, true) => render_on(chart, &mut svg, x, y.log_scale()),
        (true, false) => render_on(chart, &mut svg, x.log_scale(), y),
        (false, false) => render_on(chart, &mut svg, x, y),
    };
    result.map(|()| svg).map_err(|error| anyhow!("cannot draw \"{}\": {error}", chart.title))
}

type DrawResult = Result<(), Box<dyn std::error::Error>>;

fn render_on<X, Y>(chart: &Chart, svg: &mut String, x: X, y: Y) -> DrawResult
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let area = SVGBackend::with_string(svg, SIZE_PIXELS).into_drawing_area();
    area.fill(&WHITE)?;
    let mut context = ChartBuilder::on(&area)
        .caption(&chart.title, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(x, y)?;
    context
        .configure_mesh()
        .x_desc(&chart.x.label)
        .y_desc(&chart.y.label)
        .x_label_formatter(&|value| (chart.x.tick)(*value))
        .y_label_formatter(&|value| (chart.y.tick)(*value))
        .light_line_style(WHITE)
        .draw()?;
    for (number, curve) in chart.curves.iter().enumerate() {
        let style = COLOURS[(number * COLOURS.len() / chart.curves.len()) % COLOURS.len()].stroke_width(2);
        context
            .draw_series(LineSeries::new(curve.points.iter().copied(), style).point_size(3))?
            .label(&curve.label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    context
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

/// The range of a coordinate with some room; of no points it is 1 to 10.
fn extent(chart: &Chart, of: fn(&(f64, f64)) -> f64, is_log: bool) -> std::ops::Range<f64> {
    let values = chart.curves.iter().flat_map(|curve| curve.points.iter().map(of));
    let (min, max) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
    match (min.is_finite(), is_log) {
        (false, _) => 1.0..10.0,
        (true, true) => min * 0.8..max * 1.25,
        (true, false) => 0.0..max * 1.05,
    }
}

const SIZE_PIXELS: (u32, u32) = (860, 520);
/// Blues, then oranges, told apart without colour vision by lightness.
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(23, 55, 94), RGBColor(255, 150, 50), RGBColor(190, 70, 10)];

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        let axis = |is_log| Axis { label: "speed, m/s".into(), tick: |value| format!("{value:.0}"), is_log };
        let curves = vec![Curve { label: "Adit p50".into(), points }];
        Chart { title: "A title".into(), x: axis(false), y: axis(true), curves }
    }

    #[test]
    fn labels_are_text() {
        let svg = render(&chart(vec![(1.0, 10.0), (2.0, 20.0), (3.0, 90.0)])).unwrap();
        for text in ["A title", "speed, m/s", "Adit p50"] {
            assert!(svg.lines().any(|line| line.trim() == text), "{text} is missing: {svg}");
        }
        assert!(svg.contains("<polyline"));
    }

    #[test]
    fn no_points_are_no_error() {
        assert!(render(&chart(Vec::new())).is_ok());
    }
}

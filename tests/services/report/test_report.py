"""The page of a replay: what it says, what it leaves out, and that it stands alone."""

import dataclasses
import html
import json
import re

import numpy as np
import pytest

from eprop_rt.config import RlsSettings
from eprop_rt.errors import ConfigError
from eprop_rt.metrics import r2
from eprop_rt_services.report import check_place, write_page
from eprop_rt_services.report.drawing import log_ticks
from eprop_rt_services.report.page import page
from eprop_rt_services.report.quality import sliding
from eprop_rt_services.report.traces import decimated
from eprop_rt_services.wording import number
from report_material import chapters, how, session, usual


def titles(text):
    return re.findall(r"<h2>(.*?)</h2>", text)


def words(text):
    """What a reader sees, without figures, styles and scripts."""
    text = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def figures(text):
    """The Bokeh documents, by the block that they are drawn in."""
    found = re.findall(r'<script type="application/json" id="(.*?)-data">(.*?)</script>', text)
    return {key: json.loads(item) for key, item in found}


@pytest.fixture(scope="module")
def text():
    return page(usual(), how(), columns=True)


def test_the_page_has_everything_that_was_asked_for(text):
    assert titles(text) == [
        "All decoders",
        "The columns of NeuroBench",
        "Quality over time",
        "True and decoded traces, last 20 %",
        "Spikes near the end",
        "Firing rates over the session",
        "Firing rates of single neurons",
        "Weights, updates and gradients",
        "E-prop&#39;s gradient beside that of BPTT",
        "Late labels",
        "Few labels",
        "Lost or changed units",
        "All conditions",
        "How to make it again",
    ]
    with_figures = len(titles(text)) - 4  # two tables, all conditions, and how to make it again
    assert len(figures(text)) == with_figures


def test_the_headline_and_the_table_have_the_figures_of_the_replay(text):
    main, rls, wiener = usual()[0].results
    told = words(text)
    best = max((rls, wiener), key=lambda one: one.score.r2_last20.mean())
    for result in (main, best):
        quality = number(float(result.score.r2_last20.mean()))
        r = number(float(result.score.r_last20.mean()))
        assert f"{quality} (r {r})" in told
    for result in (main, rls, wiener):
        for axis in range(2):
            pair = result.score.r2_last20[axis], result.score.r_last20[axis]
            assert f"{number(float(pair[0]))} ({number(float(pair[1]))})" in told
    assert "bin of 50 ms" in told
    assert "lag 0" in told
    assert "last 20 %" in told
    assert "Fitted offline on the first 80 %" in told


def test_it_says_how_to_make_it_again(text):
    told = words(text)
    assert "eprop-rt replay session.nwb --report out.html" in told
    assert "decoder: {kind: eprop}" in told
    assert usual()[0].results[0].digest in told
    for name in ("numpy", "numba", "bokeh", "Python", "processor", "sha256 " + "0" * 64):
        assert name in told


def test_nothing_is_fetched_from_anywhere(text):
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", markup)
    assert "@import" not in text
    assert "url(" not in markup
    assert "Bokeh" in text
    assert len(text) < 5e6


def test_traces_are_the_last_fifth_as_decoded(text):
    main = usual()[0].results[0]
    source = next(
        model["attributes"]["data"]["entries"]
        for model in every_model(figures(text)["s0-traces"])
        if model.get("name") == "ColumnDataSource"
    )
    columns = dict(source)
    assert {"t", "true 0", "true 1", "eprop 0", "eprop 1", "rls 0", "wiener 1"} <= columns.keys()
    assert columns["eprop 0"]["shape"] == [len(main.index) - int(0.8 * len(main.index))]


def every_model(value):
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from every_model(one)


def test_several_recordings_have_a_summary_and_each_a_section():
    made = chapters(session("one"), session("two", bins=1500), beside="rls")
    text = page(made, how())
    told = words(text)
    assert re.findall(r'<section id="(\w+)"', text) == ["all", "s0", "s1", "again"]
    means = np.mean([[one.score.r2_last20.mean() for one in c.results] for c in made], axis=0)
    for value in means:
        assert number(float(value)) in told
    assert "After the day before" in text
    assert text.count("<h2>After the day before</h2>") == 1
    assert "recentred" in told


def test_a_decoder_without_a_network_leaves_its_sections_out():
    text = page(chapters(session(), settings=RlsSettings(lags=2), beside="wiener"), how())
    assert "rls is no spiking network" in words(text)
    for title in ("Weights", "Firing rates of single neurons", "BPTT"):
        assert title not in "".join(titles(text))
    assert "Spikes near the end" in titles(text)


def without_labels():
    return dataclasses.replace(session(), labels=None)


def labelled_at_the_start():
    given = session()
    values = given.labels.values.copy()
    values[200:] = np.nan
    return dataclasses.replace(given, labels=dataclasses.replace(given.labels, values=values))


def with_numbers_missing():
    given = session()
    values = given.signal.values.copy()
    values[100:150] = np.nan
    return dataclasses.replace(given, signal=dataclasses.replace(given.signal, values=values))


def with_a_gap():
    given = session()
    late = np.where(np.arange(2000) > 1800, 60.0, 0.0)
    signal, labels = (
        dataclasses.replace(series, stamps=series.stamps + late)
        for series in (given.signal, given.labels)
    )
    return dataclasses.replace(given, signal=signal, labels=labels)


ODD = {
    "no labels": (without_labels, "no labels to score eprop on"),
    "labels at the start only": (labelled_at_the_start, "not one label in the last 20 %"),
    "bins that are no numbers": (with_numbers_missing, "R²"),
    "a gap": (with_a_gap, "R²"),
    "one bin": (lambda: session(bins=1), "too short"),
    "many axes": (lambda: session(axes=14), "axis 14"),
    "one channel": (lambda: session(channels=1), "1 channels"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_recording_has_a_sentence_where_a_figure_would_be_empty(name):
    build, told = ODD[name]
    text = page(chapters(build(), beside="rls,mean"), how())
    assert told in words(text)
    assert " nan" not in words(text)
    assert "Infinity" not in json.dumps(figures(text))


def test_many_long_recordings_stay_below_five_megabytes():
    (chapter,) = chapters(session(bins=20_000, axes=6), beside="rls,wiener,mean,nlms")
    text = page([chapter] * 8, how())
    assert len(text) < 5e6
    assert re.search(r"\d+ bins are drawn as two points", text)


def test_markup_in_a_name_is_only_text():
    name = "</script><script>alert(1)</script>"
    text = page(chapters(session(name), beside="rls"), how())
    assert "<script>alert" not in text
    assert name in words(text)


def test_a_sliding_window_ends_at_its_point_and_needs_labels():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(500, 2))
    predicted = true + rng.normal(0, 0.5, (500, 2))
    true[300:] = np.nan
    ends, quality, _ = sliding(predicted, true, 100)
    assert ends[0] == 99
    assert ends[-1] == 499
    at = int(np.searchsorted(ends, 250))
    last = ends[at] + 1
    expected = r2(predicted[last - 100 : last], true[last - 100 : last]).mean()
    assert quality[at] == pytest.approx(expected)
    assert np.isnan(quality[-1])


def test_what_is_drawn_of_many_bins_are_their_extremes_in_order():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1000, 3))
    values[100:120, 1] = np.nan
    times, found = decimated(np.arange(1000) * 0.1, values, 10, 0.1)
    assert times.shape == (200,)
    assert (np.diff(times) > 0).all()
    for pair, block in zip(found.reshape(100, 2, 3), values.reshape(100, 10, 3), strict=True):
        for k in range(3):
            if np.isnan(block[:, k]).all():
                assert np.isnan(pair[:, k]).all()
                continue
            low, high = np.nanargmin(block[:, k]), np.nanargmax(block[:, k])
            assert pair[:, k].tolist() == block[sorted((low, high)), k].tolist()


@pytest.mark.parametrize("every", [1, 4])
def test_no_line_is_drawn_over_a_gap(every):
    times = np.concatenate([np.arange(41), 100 + np.arange(41)]) * 0.1
    _, found = decimated(times, np.ones((82, 1)), every, 0.1)
    assert np.isnan(found).any()


@pytest.mark.parametrize(
    "limits", [(0.87, 1.7), (0.02, 0.3), (1e-4, 20.0), (3.1, 3.2), (1e-9, 1e5)]
)
def test_ticks_are_few_and_inside(limits):
    ticks = log_ticks(*limits)
    assert 2 <= len(ticks) <= 6
    assert all(limits[0] <= tick <= limits[1] for tick in ticks)


def test_a_place_is_tried_before_and_left_as_it_was(tmp_path):
    check_place(tmp_path / "out.html")
    assert not list(tmp_path.iterdir())
    (tmp_path / "old.html").write_text("kept")
    check_place(tmp_path / "old.html")
    assert (tmp_path / "old.html").read_text() == "kept"
    (tmp_path / "folder.html").mkdir()
    for place in (tmp_path / "folder.html", tmp_path / "no" / "folder.html"):
        with pytest.raises(ConfigError, match="--report"):
            check_place(place)
        with pytest.raises(ConfigError, match="--report"):
            write_page(place, "")
    with pytest.raises(ConfigError, match=r"\.html"):
        check_place(tmp_path / "session.nwb")

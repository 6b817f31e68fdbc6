"""The report: one content, two renderings, nothing from outside, nothing hidden."""

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pypdf
import pytest
from make_result import make_result
from PIL import Image

from BoneAblationPlannerLib import plan as p
from BoneAblationPlannerLib.report.blocks import STATEMENT, Figures, Heading, Notice, Paragraph, Table
from BoneAblationPlannerLib.report.content import report_content
from BoneAblationPlannerLib.report.html import html_text
from BoneAblationPlannerLib.report.pdf import pdf_bytes
from BoneAblationPlannerLib.views.picture import Picture

HOSTILE = '<script>alert("x")</script> & <b>"bold"</b>'


class Reader(HTMLParser):
    """Collects the visible text, the tags and every attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._hidden = tag == "style"
        self.references += [v for k, v in attrs if k in ("src", "href", "data", "action", "srcset")]

    def handle_endtag(self, tag):
        self._hidden = False
        self.text.append(" ")

    def handle_data(self, data):
        if not self._hidden:
            self.text.append(data)


def read_html(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def squeezed(text: str) -> str:
    """Without white space, which line breaks of a page change."""
    return re.sub(r"\s+", "", text)


def pdf_pages(content: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


@pytest.fixture(scope="module")
def plan():
    return make_result().plan


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Plain pictures in place of drawn ones: two of the overview, two per probe."""
    folder = tmp_path_factory.mktemp("figures")
    taken = []
    for n, (probe, kind) in enumerate(
        [(None, "axial"), (None, "3d"), ("Probe 1", "along"), ("Probe 1", "entry"), ("Probe 2", "along")]
    ):
        file = folder / f"{n}.png"
        Image.fromarray(np.full((40, 50, 3), 40 * n, np.uint8)).save(file)
        taken.append(Picture(file, f"title {n}", f"caption {n}", probe, kind))
    return tuple(taken)


def texts_of(blocks) -> list[str]:
    """Every string that the blocks hold."""
    found = []
    for block in blocks:
        if isinstance(block, Table):
            found += [*block.columns, *(cell for row in block.rows for cell in row)]
        elif isinstance(block, Notice):
            found += [block.title, *block.lines]
        elif isinstance(block, Figures):
            found += [picture.caption for picture in block.pictures]
        else:
            found.append(block.text)
    return [t for t in found if t]


def test_html_and_pdf_hold_the_same_text(plan, pictures):
    blocks = report_content(plan, pictures)
    html = squeezed("".join(read_html(html_text(blocks, "title")).text))
    footer = re.compile(re.escape(squeezed(STATEMENT)) + r"page\d+")
    pdf = footer.sub("", "".join(squeezed(page) for page in pdf_pages(pdf_bytes(blocks, "title"))))
    for text in texts_of(blocks):
        assert squeezed(text) in html, text
        assert squeezed(text) in pdf, text


@pytest.mark.parametrize(
    "figure",
    [
        "-47.0, -40.0, 88.0",  # entry of probe 1: lesion (-37, 24, 76) + (-10, -64, 12)
        "-34.0, 32.0, 74.0",  # its tip: lesion + (3, 8, -2)
        "74.5 mm",  # its depth: |(13, 72, -14)| = 74.49
        "+12.3°",
        "-8.8°",
        "98.7 %",  # cut, not rounded: 98.76 %
        "91.2 %",
        "3.2 mm",
        "-1.5 mm",
        "95.4 %",
        "7.74 ml",
        "12.5 %",
        "28.0 x 24.0 x 22.0 mm",
        "ureter, bowel",
        "lytic, mean 61 HU",
        "chosen by the rules",
    ],
)
def test_first_page_holds_the_decision(plan, figure):
    first = pdf_pages(pdf_bytes(report_content(plan), "title"))[0]
    assert squeezed(figure) in squeezed(first)


def test_statement_is_on_every_page(plan, pictures):
    pages = pdf_pages(pdf_bytes(report_content(plan, pictures), "title"))
    assert len(pages) >= 5
    assert all(STATEMENT in page for page in pages)
    html = html_text(report_content(plan, pictures), "title")
    assert STATEMENT in "".join(read_html(html).text)
    assert f'content:"{STATEMENT}"' in html


def test_html_loads_nothing_from_outside(plan, pictures):
    html = html_text(report_content(plan, pictures), "title")
    reader = read_html(html)
    assert len(reader.references) == len(pictures)
    assert all(r.startswith("data:image/png;base64,") for r in reader.references)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html


def hostile_plan(plan):
    probe = replace(plan.probes[0], name=HOSTILE, device=HOSTILE, program=HOSTILE)
    clearance = replace(probe.clearances[0], structure=HOSTILE)
    return replace(
        plan,
        probes=(replace(probe, clearances=(clearance,)),),
        input=replace(plan.input, ct=HOSTILE),
        lesion=replace(plan.lesion, bone=HOSTILE),
        warnings=(HOSTILE,),
        parameters={HOSTILE: HOSTILE},
        structures=replace(plan.structures, checked=(p.CheckedStructure(HOSTILE, HOSTILE, HOSTILE),)),
    )


def test_names_cannot_become_markup(plan):
    blocks = report_content(hostile_plan(plan))
    html = html_text(blocks, HOSTILE)
    assert "<script" not in html
    assert "<b>" not in html
    assert HOSTILE in "".join(read_html(html).text)
    assert squeezed(HOSTILE) in squeezed("".join(pdf_pages(pdf_bytes(blocks, HOSTILE))))


def test_characters_the_pdf_font_lacks_are_named_by_their_code(plan):
    blocks = report_content(replace(plan, warnings=("前 µ",)))
    pdf = squeezed("".join(pdf_pages(pdf_bytes(blocks, "title"))))
    assert "[U+524D]" in pdf
    assert "µ" in pdf
    assert "前 µ" in html_text(blocks, "title")


def test_failing_clearances_come_first_and_are_marked_in_words(plan):
    table = next(b for b in report_content(plan) if isinstance(b, Table) and b.columns[0] == "Result")
    assert [row[0] for row in table.rows] == ["FAIL", "FAIL", "ok", "ok"]
    assert table.emphasised == (0, 1)


def test_labels_not_used_are_grouped_by_reason(plan):
    ignored = (p.IgnoredLabel("a", "bone"), p.IgnoredLabel("m", "muscle"), p.IgnoredLabel("b", "bone"))
    blocks = report_content(replace(plan, structures=replace(plan.structures, ignored=ignored)))
    notice = next(b for b in blocks if isinstance(b, Notice) and "not used" in b.title)
    assert notice.lines == ("bone: a, b", "muscle: m")


def test_unverified_numbers_are_marked(plan):
    table = next(b for b in report_content(plan) if isinstance(b, Table) and b.columns[0] == "Number")
    rows = {row[0]: row for row in table.rows}
    assert rows["nerve distance"][3] == "UNVERIFIED"
    assert rows["ablation margin"][3] == "read in the source"


def test_missing_pictures_are_explained(plan):
    blocks = report_content(plan, (), "as root: apt-get install libegl1 libgl1-mesa-dri")
    for text in ("".join(read_html(html_text(blocks, "t")).text), "".join(pdf_pages(pdf_bytes(blocks, "t")))):
        assert "Pictures are missing" in text
        assert "apt-get install libegl1" in text


def test_pdf_has_bookmarks_for_the_main_parts(plan, pictures):
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(report_content(plan, pictures), "title")))
    titles = [entry.title for entry in reader.outline if not isinstance(entry, list)]
    assert titles == [
        "Ablation plan",
        "Overview",
        "Order of work",
        "Probe 1",
        "Probe 2",
        "Clearances",
        "Where the numbers come from",
    ]


def test_nearly_complete_is_not_shown_as_complete(plan):
    blocks = report_content(replace(plan, coverage=replace(plan.coverage, lesion_fraction=0.99996)))
    table = next(b for b in blocks if isinstance(b, Table) and b.columns[0] == "Coverage")
    assert table.rows[0][1] == "99.9 %"


def test_plan_without_optional_parts_renders(plan):
    bare = replace(
        plan,
        lesion=replace(plan.lesion, bone=None, cortical_breach_fraction=None, kind=None, mean_hu=None),
        probes=(replace(plan.probes[0], clearances=(), slice_number=None, cortex_incidence_deg=None),),
        structures=p.Structures((), ()),
        warnings=(),
        provenance=(),
        zone=replace(plan.zone, provenance=()),
        parameters={},
        advice=replace(plan.advice, ranked=(), warnings=()),
    )
    blocks = report_content(bare)
    text = "".join(read_html(html_text(blocks, "t")).text)
    assert "not determined" in text
    assert "No structure was checked." in text
    assert pdf_pages(pdf_bytes(blocks, "t"))


def test_other_ways_in_are_reported_and_broken_distances_marked(plan):
    probe = p.AlternativeProbe("cryo-icerod-17g", "10 min", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    kept = p.Alternative((probe,), 0.99996, 0.97, 1.5, True, "one probe fewer, enters from behind")
    broken = p.Alternative((probe, probe), 0.98, 0.9, -0.5, False, "enters from the side")
    blocks = report_content(replace(plan, alternatives=(kept, broken)))
    table = next(b for b in blocks if isinstance(b, Table) and "Compared with the plan" in b.columns)
    assert [row[0] for row in table.rows] == ["A", "B"]
    assert table.rows[0][2] == "99.9 %"  # never rounded up to complete
    assert table.emphasised == (1,)
    places = next(b for b in blocks if isinstance(b, Table) and b.columns[:2] == ("Plan", "Device, program"))
    assert [row[0] for row in places.rows] == ["A", "B", "B"]
    for model, said in (("chart", "measured as the plan itself"), ("heat", "they were not simulated")):
        modelled = replace(plan, zone=replace(plan.zone, model=model), alternatives=(kept,))
        assert any(said in text for text in texts_of(report_content(modelled)))
    assert not any("Other ways in" in text for text in texts_of(report_content(replace(plan, alternatives=()))))


def test_the_skins_ease_of_access_stands_with_the_other_ways_in(plan, pictures):
    skin = replace(pictures[0], kind="access")
    blocks = report_content(replace(plan, alternatives=()), (*pictures[1:], skin))
    at = next(n for n, b in enumerate(blocks) if isinstance(b, Heading) and b.text == "Other ways in")
    assert blocks[at + 1] == Figures((skin,))
    assert sum(skin in b.pictures for b in blocks if isinstance(b, Figures)) == 1


def test_cement_and_screws_are_reported(plan):
    needle = p.CementNeedle("C1", 11, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "Probe 1")
    screw = p.Screw("S1", "supra-acetabular", 7.3, 95.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), 2.4, None)
    cement = p.Cement((needle,), 8.25, 0.55, (p.CementLeak("hip joint", 3.5, 40.0),), ("thin roof",))
    blocks = report_content(replace(plan, cement=cement, screws=(screw,)))
    text = "".join(read_html(html_text(blocks, "t")).text)
    for expected in ("8.25 ml", "hip joint", "thin roof", "supra-acetabular", "7.3 x 95 mm"):
        assert expected in text


def test_no_heading_stands_at_the_foot_of_a_page_and_short_tables_are_not_parted():
    """Tables of every length before a heading with a table: its first row is always on the heading's page."""
    for lines in range(1, 60):
        blocks = (
            Table(("Before",), tuple((f"line {n}",) for n in range(lines))),
            Heading("TITLE", 1),
            Paragraph("SENTENCE"),
            Table(("HEAD",), tuple((f"row{n}",) for n in range(9))),
        )
        pages = pdf_pages(pdf_bytes(blocks, "t"))
        (page,) = [page for page in pages if "TITLE" in page]
        assert all(text in page for text in ("SENTENCE", "HEAD", *(f"row{n}" for n in range(9))))


def test_text_does_not_hold_on_to_the_heading_after_it():
    """A line at the foot of a page stays there, though the heading after it needs more room."""
    long = Table(("Rows",), tuple((f"row {n}",) for n in range(40)))
    blocks = (long, Paragraph("LINE"), Heading("TITLE", 1), Table(("HEAD",), tuple((f"r{n}",) for n in range(9))))
    first, second = pdf_pages(pdf_bytes(blocks, "t"))
    assert "LINE" in first
    assert "TITLE" in second


def test_only_a_probe_begins_a_page_of_its_own(plan, pictures):
    blocks = report_content(plan, pictures)
    assert [b.text for b in blocks if isinstance(b, Heading) and b.new_page] == ["Probe 1", "Probe 2"]


def test_what_is_printed_beside_a_simulated_margin_says_whose_it_is(plan):
    simulated = replace(plan, zone=replace(plan.zone, model="heat"))
    table = next(b for b in report_content(simulated) if isinstance(b, Table) and b.columns[0] == "Coverage")
    assert "simulated heat" in table.rows[0][0]
    assert "the chart's zones, not the simulated ones" in table.rows[1][0]
    assert table.rows[1][3].endswith(", by the chart")
    chart = replace(plan, zone=replace(plan.zone, model="chart"))
    by_chart = next(b for b in report_content(chart) if isinstance(b, Table) and b.columns[0] == "Coverage")
    assert not any("simulated" in cell for row in by_chart.rows for cell in row)


def test_angles_that_scanners_do_not_reach_are_marked(plan):
    """A needle that leans 60 degrees out of the axial plane from straight above."""
    tip, lean = plan.probes[0].tip_ras_mm, np.radians(60.0)
    entry = (tip[0], tip[1] + 80 * float(np.cos(lean)), tip[2] + 80 * float(np.sin(lean)))
    steep = replace(plan, probes=(replace(plan.probes[0], entry_ras_mm=entry),), cement=None, screws=())
    rows = next(b for b in report_content(steep) if isinstance(b, Table) and "Gantry tilt" in b.columns).rows
    supine = next(row for row in rows if row[1] == "supine")
    assert supine[4].startswith("60°, top towards the ")
    assert supine[4].endswith(" (beyond the usual 30°)")
    assert supine[5] == "LAO 0°, CRAN 60° (beyond the usual reach)"
    assert any(row[0].startswith("tilt either way that CT gantries") for b in report_content(steep)
               if isinstance(b, Table) for row in b.rows)  # fmt: skip


def test_failing_distances_of_cement_needles_and_screws_stand_on_the_first_page(plan):
    broken = p.PathClearance("iliac artery", "vessel", 3.96, 4.0, False)
    needle = p.CementNeedle("C1", 11, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), None, clearances=(broken,))
    screw = p.Screw("S1", "crest", 7.3, 95.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), 2.4, None, clearances=(broken,))
    cement = p.Cement((needle,), 8.25, 0.55, ())
    blocks = report_content(replace(plan, cement=cement, screws=(screw,)))
    failing = next(b for b in blocks if isinstance(b, Notice) and b.title == "CLEARANCE NOT MET")
    for name in ("C1", "S1"):
        # 3.96 mm never reads as the 4 mm that it does not keep.
        assert f"{name}: iliac artery (vessel), 3.9 mm of 4.0 mm required" in failing.lines
        assert any(row[:3] == ("FAIL", name, "iliac artery") for b in blocks if isinstance(b, Table) for row in b.rows)
    old = replace(cement, needles=(replace(needle, clearances=None),))
    assert any("were not measured" in text for text in texts_of(report_content(replace(plan, cement=old))))

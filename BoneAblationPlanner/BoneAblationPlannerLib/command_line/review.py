"""Command `review`: a plan in the browser."""

import argparse

from BoneAblationPlannerLib.command_line.choices import add_catalogue_argument, catalogue_of
from BoneAblationPlannerLib.command_line.terminal import progress_bar
from BoneAblationPlannerLib.command_line.values import Commands, folder, port


def add_review_command(commands: Commands) -> None:
    parser = commands.add_parser("review", help="look at a plan in the browser, try changes, approve or reject it")
    parser.add_argument("folder", type=folder, metavar="DIR", help="what --out of a plan was")
    parser.add_argument("--plan-version", type=int, metavar="N", help="default: the newest")
    parser.add_argument("--port", type=port, default=0, help="default: a free one")
    add_catalogue_argument(parser)
    parser.set_defaults(run=_review)


def _review(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.review.serving import serve_review

    report = progress_bar()

    def announce(address: str) -> None:
        report(1.0, "ready")
        print(f"review: open {address}")
        print("one reviewer at a time; end it on the page or with Ctrl C", flush=True)

    serve_review(options.folder, catalogue_of(options), options.plan_version, options.port, announce, report)
    print("review ended")
    return 0

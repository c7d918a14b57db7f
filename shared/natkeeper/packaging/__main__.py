"""`python -m natkeeper.packaging`: see the package for what it does.

Exit status: 0 bundles are there; 1 they could not be made; 2 the configuration was refused.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from natkeeper.packaging import configuration
from natkeeper.packaging.bundles import BUNDLES, BundleBroken, Source, build, contents
from natkeeper.packaging.notification import read_addresses
from natkeeper.packaging.target import FUNCTION_COMPUTE, FUNCTION_COMPUTE_2, here
from natkeeper.packaging.wheels import InstallFailed

BROKEN, REFUSED = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Build the bundles that the arguments ask for; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        config, data = configuration.read_configuration(options.config)
        addresses = read_addresses(options.config)
    except configuration.ConfigurationRefused as refused:
        sys.stderr.write(f"The configuration is refused:\n{refused}\n")
        return REFUSED
    target = {"fc": FUNCTION_COMPUTE, "fc2": FUNCTION_COMPUTE_2}.get(options.target) or here()
    if options.target == "here" and target is not FUNCTION_COMPUTE:
        _say(f"for this machine's Python {target.python}: good for the local cloud, not for deployment")
    uncompiled, files = False, contents(config, data, addresses)
    try:
        for spec in BUNDLES:
            if options.only and spec.name not in options.only:
                continue
            began = time.monotonic()
            built = build(
                spec,
                Source.release(),
                files.get(spec.configuration or "", b""),
                target,
                options.out,
                cache=options.cache,
                say=_say,
            )
            if built.fresh:
                size = built.archive.stat().st_size / 1e6
                took = time.monotonic() - began
                _say(f"{built.archive}  {size:.1f} MB  sha256 {built.digest[:12]}  ({took:.1f} s)")
            uncompiled |= built.fresh and not built.compiled
    except (InstallFailed, BundleBroken, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return BROKEN
    if uncompiled:
        _say(f"without bytecode, as there is no Python {target.python} here: each cold start will be seconds slower")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m natkeeper.packaging", description="Build what `s deploy` uploads.")
    parser.add_argument("--config", type=Path, default=Path("natkeeper.yaml"), help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("build/bundle"), help="default: %(default)s")
    parser.add_argument("--cache", type=Path, default=Path("build/cache"), help="default: %(default)s")
    parser.add_argument(
        "--for",
        dest="target",
        choices=("fc", "fc2", "here"),
        default="fc",
        help="Function Compute (default), FC 2.0, or this machine's Python for the local cloud",
    )
    parser.add_argument("--only", action="append", choices=[spec.name for spec in BUNDLES], help="may be repeated")
    return parser


def _say(sentence: str) -> None:
    sys.stderr.write(f"bundle: {sentence}\n")


if __name__ == "__main__":
    sys.exit(main())

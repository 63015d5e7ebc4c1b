"""A program of its own: SVG from standard input, PNG to standard output, one picture and gone.

The library that draws holds the interpreter's lock all the while; inside the bot everybody
would wait. Its arguments are a font family and the files that it is read from.
"""

from __future__ import annotations

import sys


def main() -> None:
    import resvg_py  # an optional part of the machine: the parent has seen that it is there

    family, *files = sys.argv[1:]
    png = resvg_py.svg_to_bytes(
        svg_string=sys.stdin.buffer.read().decode(),
        skip_system_fonts=True,
        font_files=files,
        sans_serif_family=family,
        font_family=family,
    )
    sys.stdout.buffer.write(bytes(png))


if __name__ == "__main__":
    main()

#!/bin/sh
# Makes the two files from Latin Modern Math 1.959 (latinmodern-math.otf, in CTAN's lm-math and Debian's fonts-lmodern).
# Usage: subset.sh latinmodern-math.otf. Needs fonttools and brotli (Python).
set -eu
font=$1
cd "$(dirname "$0")"

# subset NAME CHARACTERS: writes NAME.woff2, under another name than the font's, as its licence asks for.
subset() {
    pyftsubset "$font" --unicodes="$2" --flavor=woff2 --layout-features=dtls,flac --no-hinting --desubroutinize \
        --output-file="$1.woff2"
    python3 - "$1.woff2" <<'END'
import sys
from fontTools.ttLib import TTFont

font = TTFont(sys.argv[1])
for record in font["name"].names:
    if record.nameID in (1, 3, 4, 6, 16):
        record.string = record.toUnicode().replace("Latin Modern Math", "OpenCode Math").replace("LatinModernMath", "OpenCodeMath")
font["CFF "].cff.fontNames = ["OpenCodeMath-Regular"]
font.save(sys.argv[1])
END
}

# What nearly every formula needs: letters, Greek, operators, arrows and brackets in their sizes.
subset formulas U+20-7E,U+A0,U+AC,U+B0-B1,U+B7,U+D7,U+F7,U+2C6-2DD,U+300-338,U+391-3F6,U+2010-205F,U+20D0-20EF,U+2102,U+210E-2115,U+2118,U+211A,U+211D,U+2124,U+2135-2138,U+2146-2148,U+2190-21FF,U+2200-22FF,U+2308-230B,U+2320-2321,U+239B-23E1,U+25A0-25FF,U+27C2,U+27E6-27EF,U+27F5-27FF,U+2A00-2A2F,U+2A7D-2A7E,U+2AAF-2AB0,U+1D434-1D467,U+1D6A4-1D6A5,U+1D6E2-1D71B
# The other alphabets: bold, script, Fraktur, double-struck, sans-serif, monospace.
subset alphabets U+2100-2101,U+2103-210D,U+2116-2117,U+2119,U+211B-211C,U+211E-2123,U+2125-2134,U+2139-2145,U+2149-214F,U+1D400-1D433,U+1D468-1D6A3,U+1D6A8-1D6E1,U+1D71C-1D7FF

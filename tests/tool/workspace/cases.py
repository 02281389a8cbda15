"""Calls of the file tools: what a folder holds, and what a model calls. For opencode's answers see record.

A file's content is text, bytes, or a pair: a line, with `{n}` for its number, and how often it is repeated.
`$ROOT` in an input stands for the folder.
"""

from dataclasses import dataclass, field
from typing import Any

Content = str | bytes | tuple[str, int]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
CODE = "def one():\n    return 1\n\n\ndef two():\n    if True:\n        return 2\n    return 3\n"
MANY = {f"src/file{number:03}.txt": f"needle {number}\n" for number in range(120)}


@dataclass(frozen=True)
class Case:
    """One call. `model`: the model that makes it."""

    tool: str
    input: dict[str, Any]
    files: dict[str, Content] = field(default_factory=dict)
    model: str = "one"


def _edit(content: Content, old: str, new: str, **more: Any) -> Case:
    return Case(
        "edit", {"filePath": "$ROOT/f.py", "oldString": old, "newString": new, **more}, {"f.py": content}
    )


def _patch(patch: str, **files: Content) -> Case:
    named = {name.replace("_", "."): content for name, content in files.items()}
    text = f"*** Begin Patch\n{patch}\n*** End Patch"
    return Case("apply_patch", {"patchText": text}, named, model="gpt-5")


TREE: dict[str, Content] = {
    "b.txt": "b",
    "A.txt": "a",
    "_under.txt": "u",
    ".hidden": "h",
    ".env": "SECRET=1\n",
    "sub/c.md": "c",
    "sub/deep/d.md": "d",
    "Zed/e.md": "e",
    "a-b.txt": "x",
    "a.b.txt": "x",
    "10.txt": "x",
    "9.txt": "x",
}
IGNORING: dict[str, Content] = {
    ".gitignore": "*.log\n/build/\n!keep.log\nnode_modules\n",
    "a.ts": "needle\n",
    "a.log": "needle\n",
    "keep.log": "needle\n",
    "build/out.ts": "needle\n",
    "sub/build/out.ts": "needle\n",
    "sub/.gitignore": "private.ts\n",
    "sub/private.ts": "needle\n",
    "sub/b.tsx": "a needle here\nno\nneedle again\n",
    ".hidden/h.ts": "needle\n",
    "node_modules/m/i.ts": "needle\n",
    "data.bin": b"\0\1needle\n",
}

CASES: dict[str, Case] = {
    # read
    "read a file": Case("read", {"filePath": "$ROOT/f.py"}, {"f.py": CODE}),
    "read by a relative path": Case("read", {"filePath": "sub/c.md"}, TREE),
    "read without newline at the end": Case("read", {"filePath": "$ROOT/f"}, {"f": "a\nb"}),
    "read an empty file": Case("read", {"filePath": "$ROOT/f"}, {"f": ""}),
    "read one newline": Case("read", {"filePath": "$ROOT/f"}, {"f": "\n"}),
    "read CRLF": Case("read", {"filePath": "$ROOT/f"}, {"f": b"a\r\nb\r\n"}),
    "read CR": Case("read", {"filePath": "$ROOT/f"}, {"f": b"a\rb\rc"}),
    "read a byte order mark": Case("read", {"filePath": "$ROOT/f"}, {"f": "\ufeffa\nb\n"}),
    "read odd separators": Case("read", {"filePath": "$ROOT/f"}, {"f": "a\x0cb\u2028c\x85d\x0be\n"}),
    "read Latin-1": Case("read", {"filePath": "$ROOT/f"}, {"f": b"caf\xe9\nx\n"}),
    "read with offset and limit": Case(
        "read", {"filePath": "$ROOT/f", "offset": 3, "limit": 2}, {"f": ("line {n}\n", 9)}
    ),
    "read with offset 0": Case(
        "read", {"filePath": "$ROOT/f", "offset": 0, "limit": 2}, {"f": ("line {n}\n", 9)}
    ),
    "read up to the last line": Case(
        "read", {"filePath": "$ROOT/f", "offset": 8, "limit": 2}, {"f": ("line {n}\n", 9)}
    ),
    "read beyond the end": Case("read", {"filePath": "$ROOT/f", "offset": 10}, {"f": ("line {n}\n", 9)}),
    "read with limit 0": Case("read", {"filePath": "$ROOT/f", "limit": 0}, {"f": ("line {n}\n", 9)}),
    "read a negative offset": Case("read", {"filePath": "$ROOT/f", "offset": -1}, {"f": ("line {n}\n", 9)}),
    "read a fraction": Case("read", {"filePath": "$ROOT/f", "offset": 1.5}, {"f": ("line {n}\n", 9)}),
    "read numbers as text": Case("read", {"filePath": "$ROOT/f", "offset": "3"}, {"f": ("line {n}\n", 9)}),
    "read many lines": Case("read", {"filePath": "$ROOT/f"}, {"f": ("{n}\n", 2500)}),
    "read exactly 2000 lines": Case("read", {"filePath": "$ROOT/f"}, {"f": ("{n}\n", 2000)}),
    "read many bytes": Case("read", {"filePath": "$ROOT/f"}, {"f": ("{n} " + "x" * 90 + "\n", 1000)}),
    "read long lines": Case("read", {"filePath": "$ROOT/f"}, {"f": "y" * 2000 + "\n" + "x" * 2001 + "\n"}),
    "read a missing file": Case("read", {"filePath": "$ROOT/missing"}, TREE),
    "read a file with a similar name": Case("read", {"filePath": "$ROOT/b"}, TREE),
    "read a file with names in it": Case("read", {"filePath": "$ROOT/SUB/C.MD"}, TREE),
    "read a missing file in a missing folder": Case("read", {"filePath": "$ROOT/no/such"}, TREE),
    "read a missing file near": Case("read", {"filePath": "$ROOT/sub/c.md.bak"}, TREE),
    "read a folder": Case("read", {"filePath": "$ROOT"}, TREE),
    "read a folder with a slash": Case("read", {"filePath": "$ROOT/sub/"}, TREE),
    "read a part of a folder": Case("read", {"filePath": "$ROOT", "offset": 2, "limit": 3}, TREE),
    "read an empty path": Case("read", {"filePath": ""}, TREE),
    "read secrets": Case("read", {"filePath": "$ROOT/.env"}, TREE),
    "read an image": Case("read", {"filePath": "$ROOT/i.png"}, {"i.png": PNG}),
    "read an image without extension": Case("read", {"filePath": "$ROOT/i"}, {"i": PNG}),
    "read a PDF": Case("read", {"filePath": "$ROOT/d.pdf"}, {"d.pdf": b"%PDF-1.4\n%%EOF\n"}),
    "read a drawing": Case("read", {"filePath": "$ROOT/i.svg"}, {"i.svg": "<svg/>\n"}),
    "read a program": Case("read", {"filePath": "$ROOT/p"}, {"p": b"\x7fELF\0\0\1"}),
    "read an archive": Case("read", {"filePath": "$ROOT/a.zip"}, {"a.zip": "not really"}),
    "read control characters": Case("read", {"filePath": "$ROOT/p"}, {"p": b"\x01\x02\x03abcd"}),
    "read few control characters": Case("read", {"filePath": "$ROOT/p"}, {"p": b"\x01\x02\x03abcdefgh"}),
    "read beside rules": Case(
        "read",
        {"filePath": "$ROOT/a/b/c.txt"},
        {"AGENTS.md": "root", "a/AGENTS.md": "of a", "a/b/CLAUDE.md": "of b", "a/b/c.txt": "c\n"},
    ),
    "read rules": Case("read", {"filePath": "$ROOT/a/AGENTS.md"}, {"a/AGENTS.md": "of a\n"}),
    "read with a wrong input": Case("read", {"path": "x"}, TREE),
    # glob
    "glob by extension": Case("glob", {"pattern": "*.md"}, TREE),
    "glob in a folder": Case("glob", {"pattern": "*.md", "path": "$ROOT/sub"}, TREE),
    "glob in a relative folder": Case("glob", {"pattern": "**/*.md", "path": "sub"}, TREE),
    "glob all": Case("glob", {"pattern": "**/*"}, TREE),
    "glob all by a star": Case("glob", {"pattern": "*"}, TREE),
    "glob two stars": Case("glob", {"pattern": "**"}, TREE),
    "glob from the root": Case("glob", {"pattern": "/*.txt"}, TREE),
    "glob with a folder": Case("glob", {"pattern": "sub/*.md"}, TREE),
    "glob with a deep folder": Case("glob", {"pattern": "sub/**/*.md"}, TREE),
    "glob below a folder": Case("glob", {"pattern": "sub/**"}, TREE),
    "glob a folder": Case("glob", {"pattern": "sub"}, TREE),
    "glob a folder with a slash": Case("glob", {"pattern": "sub/"}, TREE),
    "glob alternatives": Case("glob", {"pattern": "*.{md,txt}"}, TREE),
    "glob nested alternatives": Case("glob", {"pattern": "{sub/{c,x},A}.{md,txt}"}, TREE),
    "glob a class": Case("glob", {"pattern": "[a-b]*.txt"}, TREE),
    "glob a negated class": Case("glob", {"pattern": "[!a-z]*.txt"}, TREE),
    "glob one character": Case("glob", {"pattern": "?.txt"}, TREE),
    "glob a hidden file": Case("glob", {"pattern": ".*"}, TREE),
    "glob what is not": Case("glob", {"pattern": "!*.txt"}, TREE),
    "glob an escape": Case("glob", {"pattern": "\\_under.txt"}, TREE),
    "glob unclosed": Case("glob", {"pattern": "*.{md"}, TREE),
    "glob unclosed class": Case("glob", {"pattern": "[a"}, TREE),
    "glob nothing": Case("glob", {"pattern": "*.none"}, TREE),
    "glob an empty pattern": Case("glob", {"pattern": ""}, TREE),
    "glob an absolute pattern": Case("glob", {"pattern": "$ROOT/*.txt"}, TREE),
    "glob ignored files": Case("glob", {"pattern": "**/*.ts"}, IGNORING),
    "glob ignored logs": Case("glob", {"pattern": "*.log"}, IGNORING),
    "glob everything that is ignored": Case("glob", {"pattern": "**/*"}, IGNORING),
    "glob an ignored folder": Case("glob", {"pattern": "build/**"}, IGNORING),
    "glob more than it tells": Case("glob", {"pattern": "**/*.txt"}, MANY),
    "glob in a file": Case("glob", {"pattern": "*", "path": "$ROOT/b.txt"}, TREE),
    "glob in a missing folder": Case("glob", {"pattern": "*", "path": "$ROOT/none"}, TREE),
    # grep
    "grep a word": Case("grep", {"pattern": "needle"}, {"a.txt": "a needle\nno\nneedle x\n"}),
    "grep without newline at the end": Case("grep", {"pattern": "needle"}, {"a.txt": "no\na needle"}),
    "grep CRLF": Case("grep", {"pattern": "needle$"}, {"a.txt": b"a needle\r\nno\r\nneedle\n"}),
    "grep an expression": Case("grep", {"pattern": r"f\w+\s*\(\d\)"}, {"a.txt": "foo (1)\nfo1(2)\nf(3)\n"}),
    "grep line by line": Case("grep", {"pattern": r"a\s+b"}, {"a.txt": "a\nb\na b\n"}),
    "grep anchors": Case("grep", {"pattern": "^ab$"}, {"a.txt": "abc\nab\ncab\n"}),
    "grep words beyond ASCII": Case("grep", {"pattern": r"^\w+$"}, {"a.txt": "é1_\na b\n日本\n"}),
    "grep digits beyond ASCII": Case("grep", {"pattern": r"^[\d]+$"}, {"a.txt": "12\n٣\na\n"}),
    "grep without case": Case("grep", {"pattern": "(?i)NEEDLE"}, {"a.txt": "Needle\n"}),
    "grep a newline": Case("grep", {"pattern": "a\\nb"}, {"a.txt": "a\nb\n"}),
    "grep a wrong expression": Case("grep", {"pattern": "(a"}, {"a.txt": "(a\n"}),
    "grep a brace": Case("grep", {"pattern": "f() {"}, {"a.txt": "f() {\n"}),
    "grep a look-ahead": Case("grep", {"pattern": "a(?=b)"}, {"a.txt": "ab\n"}),
    "grep a dash": Case("grep", {"pattern": "-x"}, {"a.txt": "-x\n"}),
    "grep an empty pattern": Case("grep", {"pattern": ""}, {"a.txt": "a\n"}),
    "grep nothing": Case("grep", {"pattern": "nowhere"}, {"a.txt": "a\n"}),
    "grep one of a kind": Case("grep", {"pattern": "needle", "include": "*.tsx"}, IGNORING),
    "grep some of a kind": Case("grep", {"pattern": "needle", "include": "*.{tsx,log}"}, IGNORING),
    "grep beside ignored files": Case("grep", {"pattern": "needle", "path": "$ROOT/sub"}, IGNORING),
    "grep a hidden folder": Case("grep", {"pattern": "needle", "path": "$ROOT/.hidden"}, IGNORING),
    "grep an ignored folder": Case("grep", {"pattern": "needle", "path": "$ROOT/build"}, IGNORING),
    "grep all": Case("grep", {"pattern": "needle"}, IGNORING),
    "grep one file": Case("grep", {"pattern": "needle", "path": "$ROOT/sub/b.tsx"}, IGNORING),
    "grep a missing folder": Case("grep", {"pattern": "needle", "path": "$ROOT/none"}, IGNORING),
    "grep more than it tells": Case("grep", {"pattern": "x"}, {"a.txt": ("x {n}\n", 150)}),
    "grep exactly as many as it tells": Case("grep", {"pattern": "x"}, {"a.txt": ("x {n}\n", 100)}),
    "grep a long line": Case("grep", {"pattern": "needle"}, {"a.txt": "needle" + "x" * 2100 + "\n"}),
    # edit
    "edit one line": _edit(CODE, "return 1", "return 10"),
    "edit by a relative path": Case(
        "edit", {"filePath": "f.py", "oldString": "1", "newString": "2"}, {"f.py": "1\n"}
    ),
    "edit several lines": _edit(CODE, "def one():\n    return 1", "def uno():\n    x = 1\n    return x"),
    "edit a deletion": _edit(CODE, "def one():\n    return 1\n\n\n", ""),
    "edit without a newline at the end": _edit("a\nb", "b", "c"),
    "edit all of it": _edit("a b a\na\n", "a", "x", replaceAll=True),
    "edit dollars": _edit("a a\n", "a", "$& $1", replaceAll=True),
    "edit an ambiguous text": _edit("a b a\n", "a", "x"),
    "edit a missing text": _edit(CODE, "nowhere", "x"),
    "edit equal texts": _edit(CODE, "a", "a"),
    "edit an empty text": _edit(CODE, "", "x"),
    "edit a new file": Case("edit", {"filePath": "$ROOT/new/f.py", "oldString": "", "newString": "a\nb\n"}),
    "edit a missing file": Case("edit", {"filePath": "$ROOT/none.py", "oldString": "a", "newString": "b"}),
    "edit a folder": Case("edit", {"filePath": "$ROOT/sub", "oldString": "a", "newString": "b"}, TREE),
    "edit an empty path": Case("edit", {"filePath": "", "oldString": "a", "newString": "b"}),
    "edit CRLF": _edit(b"a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz"),
    "edit a byte order mark": _edit("\ufeffa\nb\n", "a", "x"),
    "edit adds a byte order mark": _edit("a\nb\n", "a", "\ufeffx"),
    "edit other white space around": _edit("  a  \n  b\nc\n", "a\nb\n", "x\ny\n"),
    "edit other indentation": _edit(CODE, "if True:\n    return 2", "if False:\n    return 2"),
    "edit a trailing newline": _edit("a\n  b\nc", "a\nb\n", "x\n"),
    "edit between anchors": _edit(CODE, "def two():\n    if true:\n        return 2\n    return 3", "pass"),
    "edit between far anchors": _edit("a\nxxxx\nb\n", "a\nyyyyyyyyy\nb", "c"),
    "edit between two anchors": _edit(
        "f {\n  one = 1\n  two = 2\n}\nf {\n  three = 3\n  four = 4\n}\n",
        "f {\n three = 3;\n four = 4\n}",
        "gone",
    ),
    "edit other white space within": _edit("a  =   1\nb\n", "a = 1", "a = 2"),
    "edit white space within a line": _edit("x(a,   b) y\n", "(a, b)", "()"),
    "edit white space over lines": _edit("if (a   &&\n    b) {\nc\n", "if (a &&\n  b)  {", "if (x) {"),
    "edit a shared indentation": _edit("    a\n      b\n    c\n", "a\n  b\nc", "z"),
    "edit escapes": _edit('say("a\\nb")\nx = "q"\n', 'x = \\"q\\"', "x = 1"),
    "edit an escaped newline": _edit("a\nb\n", "a\\nb", "c"),
    "edit escapes of the file": _edit("say(\\'a\\')\n", "say('a')", "say(b)"),
    "edit white space at the ends": _edit("a = 1; b = 2\n", "\n a = 1; ", "c;"),
    "edit a context": _edit(
        "begin\n same\n one\n two\n three\nend\n", "begin\n same\n uno1111\n two\n tres1111\nend", "gone"
    ),
    "edit a context ever less": _edit(
        "begin\n same\n 1\n 2\n 3\nend\n", "begin\n other words\n of this\n and more\n 3\nend", "gone"
    ),
    "edit much more than was named": _edit("begin\n" + "x\n" * 9 + "end\n", "begin\nx\nend", "gone"),
    "edit indented lines alike": _edit("  a\n  b\n    a\n    b\n", "a\nb", "c\nd"),
    "edit tabs": _edit("\tif x:\n\t\ty\n", "    if x:\n        y", "\tz"),
    "edit Latin-1": _edit(b"caf\xe9\nx\n", "x", "y"),
    "edit far parts": _edit("".join(f"{n}\n" for n in range(40)), "\n3\n", "\nthree\n"),
    # write
    "write a new file": Case("write", {"filePath": "$ROOT/a/b/new.txt", "content": "a\nb\n"}),
    "write by a relative path": Case("write", {"filePath": "new.txt", "content": "a"}),
    "write over a file": Case("write", {"filePath": "$ROOT/f", "content": "a\nx\nc\n"}, {"f": "a\nb\nc\n"}),
    "write the same": Case("write", {"filePath": "$ROOT/f", "content": "a\n"}, {"f": "a\n"}),
    "write nothing": Case("write", {"filePath": "$ROOT/f", "content": ""}, {"f": "a\n"}),
    "write over CRLF": Case("write", {"filePath": "$ROOT/f", "content": "a\nc\n"}, {"f": b"a\r\nb\r\n"}),
    "write over a byte order mark": Case(
        "write", {"filePath": "$ROOT/f", "content": "x\n"}, {"f": "\ufeffa\n"}
    ),
    "write a byte order mark": Case("write", {"filePath": "$ROOT/f", "content": "\ufeffx\n"}, {"f": "a\n"}),
    "write over a folder": Case("write", {"filePath": "$ROOT/sub", "content": "x"}, TREE),
    "write below a file": Case("write", {"filePath": "$ROOT/b.txt/x", "content": "x"}, TREE),
    "write indented": Case(
        "write", {"filePath": "$ROOT/f", "content": "    a\n\n      b\n"}, {"f": "    c\n"}
    ),
    # apply_patch
    "patch adds": _patch("*** Add File: new/a.txt\n+one\n+two"),
    "patch adds nothing": _patch("*** Add File: new.txt"),
    "patch adds over": _patch("*** Add File: f.txt\n+new", f_txt="old\n"),
    "patch updates": _patch("*** Update File: f.py\n@@\n-    return 1\n+    return 10", f_py=CODE),
    "patch updates by context": _patch(
        "*** Update File: f.py\n@@ def two():\n     if True:\n-        return 2\n+        return 20",
        f_py=CODE,
    ),
    "patch updates twice": _patch(
        "*** Update File: f.py\n@@\n-    return 1\n+    return 10\n@@\n-    return 3\n+    return 30",
        f_py=CODE,
    ),
    "patch appends": _patch("*** Update File: f.txt\n@@\n+end", f_txt="a\n"),
    "patch without a newline at the end": _patch("*** Update File: f.txt\n@@\n-b\n+c", f_txt="a\nb"),
    "patch other white space": _patch("*** Update File: f.txt\n@@\n-  a\n+x", f_txt="a  \nb\n"),
    "patch other quotes": _patch('*** Update File: f.txt\n@@\n-say "a"\n+x', f_txt="say \u201ca\u201d\nb\n"),
    "patch moves": _patch("*** Update File: f.txt\n*** Move to: sub/g.txt\n@@\n-a\n+x", f_txt="a\nb\n"),
    "patch moves only": _patch("*** Update File: f.txt\n*** Move to: g.txt", f_txt="a\nb\n"),
    "patch deletes": _patch("*** Delete File: f.txt", f_txt="a\nb\n"),
    "patch deletes a missing file": _patch("*** Delete File: none.txt"),
    "patch does several": _patch(
        "*** Add File: n.txt\n+n\n*** Update File: f.txt\n@@\n-a\n+x\n*** Delete File: g.txt",
        f_txt="a\n",
        g_txt="g",
    ),
    "patch misses lines": _patch("*** Update File: f.txt\n@@\n-nowhere\n+x", f_txt="a\n"),
    "patch misses a context": _patch("*** Update File: f.txt\n@@ nowhere\n-a\n+x", f_txt="a\n"),
    "patch misses a file": _patch("*** Update File: none.txt\n@@\n-a\n+x"),
    "patch is half good": _patch("*** Add File: n.txt\n+n\n*** Update File: none.txt\n@@\n-a\n+x"),
    "patch is empty": Case("apply_patch", {"patchText": "*** Begin Patch\n*** End Patch"}, model="gpt-5"),
    "patch has nothing": _patch("nothing here"),
    "patch has no begin": Case("apply_patch", {"patchText": "*** Add File: a\n+x"}, model="gpt-5"),
    "patch is no text": Case("apply_patch", {"patchText": ""}, model="gpt-5"),
    "patch in a document": Case(
        "apply_patch",
        {"patchText": "cat <<'EOF'\n*** Begin Patch\n*** Add File: n.txt\n+n\n*** End Patch\nEOF\n"},
        model="gpt-5",
    ),
    "patch keeps a byte order mark": _patch("*** Update File: f.txt\n@@\n-a\n+x", f_txt="\ufeffa\nb\n"),
}


def content_bytes(content: Content) -> bytes:
    """Return a file's content as it is on disk."""
    if isinstance(content, tuple):
        line, times = content
        return "".join(line.replace("{n}", str(n)) for n in range(1, times + 1)).encode()
    return content.encode() if isinstance(content, str) else content

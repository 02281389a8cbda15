"""Mutants of a module: small faults, one at a time, each a piece of its text replaced by another."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
Replacement = tuple[ast.AST, ast.AST, str]
"""The first and the last node to replace, and the text for it."""

NO_CONTEXT = '__import__("contextlib").nullcontext()'


@dataclass(frozen=True)
class Mutant:
    """`start` and `end` are bytes of the file; `line` and `last_line` say which tests may notice."""

    file: str
    line: int
    last_line: int
    function: str
    start: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line} {self.function}: `{_one_line(self.before)}` → `{_one_line(self.after)}`"
        )

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same while lines move."""
        return self.file, self.function, _one_line(self.before), _one_line(self.after)

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]


def mutants(file: str, source: bytes) -> Iterator[Mutant]:
    """Yield every mutant of the functions in a file."""
    begins = [0]
    for text in source.splitlines(keepends=True):
        begins.append(begins[-1] + len(text))
    for function, first, last, after in _functions(ast.parse(source), ""):
        start = begins[first.lineno - 1] + first.col_offset  # type: ignore[attr-defined]
        end = begins[last.end_lineno - 1] + last.end_col_offset  # type: ignore[attr-defined]
        before = source[start:end].decode()
        if after != before:
            yield Mutant(file, first.lineno, last.end_lineno, function, start, end, before, after)  # type: ignore[attr-defined]


def _functions(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST, ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _functions(child, f"{name}.{child.name}".lstrip("."))
        elif name and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and child in node.body:
            for place in _walk(child):
                yield from ((name, *replaced) for replaced in _replacements(place))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run; leave out docstrings, annotations, log lines and the texts of errors."""
    if _is_docstring(node) or _is_logging(node):
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_comment") or isinstance(value, ast.arguments):
            continue
        for child in value if isinstance(value, list) else [value]:
            is_text = isinstance(child, ast.JoinedStr) or (_is(child, str) and _is_error(node))
            if isinstance(child, ast.AST) and not is_text:
                yield from _walk(child)


def _replacements(node: ast.AST) -> Iterator[Replacement]:
    """Yield the faults of one node."""
    if isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.stmt | ast.ExceptHandler):
        yield from _statements(node)
    elif isinstance(node, ast.expr):
        yield from ((node, node, f"({ast.unparse(other)})") for other in _expressions(node))
    if isinstance(node, ast.Call):
        yield from ((keyword, keyword, "**{}") for keyword in node.keywords if keyword.arg)
    test = node.test if isinstance(node, ast.If | ast.While | ast.IfExp) else None
    if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr):
        yield test, test, f"(not ({ast.unparse(test)}))"


def _constants(node: ast.Constant) -> Iterator[Replacement]:
    match node.value:
        case bool():
            yield node, node, str(not node.value)
        case int() | float():
            yield node, node, repr(node.value + 1)
        case str() if node.value:
            yield node, node, repr(f"XX{node.value}")


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                operators = [*node.ops[:index], COMPARISONS[type(operator)](), *node.ops[index + 1 :]]
                yield ast.Compare(node.left, operators, node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
        case ast.Await(value=ast.Call(args=[ast.Call() as inner, *_])):
            yield ast.Await(inner)  # without what guards it: a shield, a time limit


def _statements(node: ast.stmt | ast.ExceptHandler) -> Iterator[Replacement]:
    match node:
        case ast.AugAssign() if type(node.op) in ARITHMETIC:
            other = ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)
            yield node, node, ast.unparse(other)
        case ast.Return(value=ast.AST()) if not _is(node.value, bool, type(None)):
            yield node, node, "return None"
        case (
            ast.Expr(value=ast.Call() | ast.Await()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()])
        ):
            yield node, node, "pass"
        case ast.Break() | ast.Continue():
            yield node, node, "continue" if isinstance(node, ast.Break) else "break"
        case ast.With() | ast.AsyncWith():
            for item in node.items:
                if item.optional_vars is None:
                    yield item.context_expr, item.context_expr, NO_CONTEXT
        case ast.ExceptHandler() if not isinstance(node.body[0], ast.Raise):
            yield node.body[0], node.body[-1], "raise"
        case ast.Try() if node.finalbody:
            yield node.finalbody[0], node.finalbody[-1], "pass"


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is(node: object, *types: type) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, types)


def _is_logging(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(("log.", "logger.", "logging."))


def _is_error(node: ast.AST) -> bool:
    """Return whether this makes an error, whose text is for people."""
    name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    return name.endswith(("Error", "Request", "NotFound", "Conflict", "Busy", "Unavailable"))


def _one_line(text: str) -> str:
    return " ".join(text.split())

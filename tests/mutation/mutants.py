"""Small faults, one at a time: every place in a module where one operator, word or value can be another.

Not mutated: what only type checkers and people read (annotations, docstrings, imports, decorators, the words of a
sentence), and assertions. A text is prose when two words, or two Chinese characters, stand side by side in it; keys,
tokens, ids, patterns and the values of enums are mutated.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.FloorDiv: ast.Mult, ast.Mod: ast.Add,
}  # fmt: skip
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_FOR_TYPES = {"TYPE_CHECKING", "TypeVar", "NewType", "Literal"}
_UNREAD = ("annotation", "returns", "decorator_list", "type_params")
_PROSE = re.compile(r"[A-Za-z][,;:.)…]? \(?[A-Za-z]|[\u4e00-\u9fff]{2}")
Change = Callable[[Any], None]


NOTHING = "nothing becomes another"
"""What a mutant without any fault is called: it has to survive."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where a node is: the names around it, the outermost function, and the lines of its statement.

    `function` is the name and first line of the function that runs the node, None for what runs with the import.
    `binds` are the names that such a statement gives a value to. `prose` are the texts (by identity) that are prose.
    """

    names: tuple[str, ...] = ()
    function: tuple[str, int] | None = None
    lines: range = range(0)
    binds: frozenset[str] = frozenset()
    prose: frozenset[int] = frozenset()
    pattern: bool = False


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: what becomes of what, and where. `node` and `change` are its numbers in the walk over the module."""

    module: str
    what: str
    text: str
    place: NodePlace = field(compare=False)
    node: int = field(compare=False)
    change: int = field(compare=False)
    source: str = field(compare=False, repr=False)
    twin: int = 1

    def __str__(self) -> str:
        """Name it so that it is found again when lines have moved."""
        where = ".".join((self.module, *self.place.names))
        again = f" (number {self.twin})" if self.twin > 1 else ""
        return f"{where}: {self.what}{again}: {self.text}"


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """List every fault that can be planted in `source`."""
    lines, twins = source.splitlines(), Counter[str]()
    for number, (node, place) in enumerate(code_of(source)):
        for change, (what, _) in enumerate(_changes(node, place)):
            text = lines[getattr(node, "lineno", place.lines.start) - 1].strip()
            mutant = Mutant(module, what, text, place, number, change, source)
            twins[str(mutant)] += 1
            yield replace(mutant, twin=twins[str(mutant)])


def plant(mutant: Mutant) -> ast.Module:
    """Plant the fault: the tree of the module with that one difference."""
    tree = ast.parse(mutant.source)
    if mutant.what == NOTHING:
        return tree
    node, place = list(_code(tree, NodePlace()))[mutant.node]
    _, change = list(_changes(node, place))[mutant.change]
    change(node)
    return ast.fix_missing_locations(tree)


def code_of(source: str) -> Iterator[tuple[ast.AST, NodePlace]]:
    """List the nodes of `source` that run, each with its place."""
    return _code(ast.parse(source), NodePlace())


def _code(node: ast.AST, place: NodePlace) -> Iterator[tuple[ast.AST, NodePlace]]:
    for name, value in ast.iter_fields(node):
        if name in _UNREAD or (name == "keywords" and isinstance(node, ast.ClassDef)):
            continue
        inside = _inside(node, place) if name == "body" else place
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _idle(child):
                continue
            there = _at(child, inside)
            yield child, there
            yield from _code(child, there)


def _inside(node: ast.AST, place: NodePlace) -> NodePlace:
    """Name the place within a class or a function."""
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return place
    inside = replace(place, names=(*place.names, node.name), binds=place.binds | {node.name})
    if isinstance(node, ast.ClassDef) or place.function:
        return inside
    return replace(inside, function=(node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)])))


def _at(node: ast.AST, place: NodePlace) -> NodePlace:
    """Add the lines of a statement (of its head, where it has a body), what it binds, and which texts are prose."""
    match node:
        case ast.match_case(pattern=pattern, body=[first, *_]):
            return replace(place, lines=range(pattern.lineno, max(first.lineno, pattern.lineno + 1)))
        case ast.Assign(targets=targets):
            several = (t for target in targets for t in (target.elts if isinstance(target, ast.Tuple) else [target]))
            place = replace(place, binds=place.binds | {t.id for t in several if isinstance(t, ast.Name)})
        case ast.AnnAssign(target=ast.Name(id=name)):
            place = replace(place, binds=place.binds | {name})
        case ast.FunctionDef(name=name):
            place = replace(place, binds=place.binds | {name})
        case ast.JoinedStr(values=parts):
            said = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
            return replace(place, prose=frozenset(map(id, parts))) if _PROSE.search(said) else place
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"))):
            return replace(place, pattern=True)
        case ast.Constant(value=str() as said) if _PROSE.search(said) and not place.pattern:
            return replace(place, prose=place.prose | {id(node)})
    if isinstance(node, ast.stmt):
        body = getattr(node, "body", [])
        end = body[0].lineno if body else (node.end_lineno or node.lineno) + 1
        return replace(place, lines=range(node.lineno, max(end, node.lineno + 1)))
    return place


def _idle(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.Assert():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):  # tests/docs/test_exports.py holds each of them
            return True
        case ast.If(test=read) | ast.Assign(value=read):
            return _is_union(read) or bool(_FOR_TYPES & {n.id for n in ast.walk(read) if isinstance(n, ast.Name)})
    return False


def _is_union(value: ast.AST) -> bool:
    """Recognise the definition of a type, such as `Signal = Timer | Manual`."""
    return isinstance(value, ast.Name) or (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.BitOr)
        and _is_union(value.left)
        and _is_union(value.right)
    )


def _changes(node: ast.AST, place: NodePlace) -> Iterator[tuple[str, Change]]:  # noqa: C901, PLR0912  a table of kinds
    match node:
        case ast.Compare(ops=ops):
            for number, op in enumerate(ops):
                other = _COMPARED[type(op)]
                yield f"{type(op).__name__} becomes {other.__name__}", _set_op(number, other)
        case ast.BoolOp(op=ast.And()):
            yield "and becomes or", _setter("op", ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield "or becomes and", _setter("op", ast.And())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not is left out", _become(operand)
        case ast.BinOp(op=op) if type(op) in _COUNTED:
            yield f"{type(op).__name__} becomes {_COUNTED[type(op)].__name__}", _setter("op", _COUNTED[type(op)]())
        case ast.Constant(value=bool() as value):
            yield f"{value} becomes {not value}", _setter("value", not value)
        case ast.Constant(value=int() | float() as number):
            yield f"{number} becomes {number + 1}", _setter("value", number + 1)
        case ast.Constant(value=str() as text) if text and id(node) not in place.prose:
            yield f"{text[:30]!r} becomes another", _setter("value", f"XX{text}XX")
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not _turned_already(test):
            yield "the condition is turned round", _setter("test", ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=[_, *_]):
            yield "the filter is left out", _setter("ifs", [])
        case ast.match_case(guard=ast.expr()):
            yield "the guard is left out", _setter("guard", None)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "returns None", _setter("value", ast.Constant(None))
        case ast.Call(keywords=[_, *_] as keywords):
            for number, keyword in enumerate(keywords):
                yield f"{keyword.arg}= is left out", _drop(number)
        case ast.Expr(value=ast.Call() | ast.Yield()) | ast.AugAssign():
            yield "the statement is left out", _become(ast.Pass())
        case ast.Continue():
            yield "continue becomes break", _become(ast.Break())


def _turned_already(test: ast.expr) -> bool:
    """Return True if another mutant of the condition is its opposite."""
    match test:
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Compare(ops=[op]):
            return not isinstance(op, _ORDER)
    return False


def _setter(name: str, value: object) -> Change:
    return lambda node: setattr(node, name, copy.deepcopy(value))


def _set_op(number: int, other: type[ast.cmpop]) -> Change:
    return lambda node: node.ops.__setitem__(number, other())


def _drop(number: int) -> Change:
    return lambda node: node.keywords.pop(number)


def _become(other: ast.AST) -> Change:
    """Turn a node into another one where it stands."""

    def change(node: Any) -> None:
        new = copy.deepcopy(other)
        node.__class__ = type(new)
        for name in [name for name in vars(node) if "lineno" not in name and "col_offset" not in name]:
            delattr(node, name)
        vars(node).update(vars(new))

    return change

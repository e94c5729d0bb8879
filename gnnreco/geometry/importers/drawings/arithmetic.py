"""Arithmetic in foreign descriptions, such as ``2*(r_min + 3*mm)/cos(pi/8)``: walked, never executed."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

from gnnreco.files import limits

ZEROS = re.compile(r"(?<![\w.])0+(?=\d)")  # 005 is 5
LONGEST = 2000  # characters; no description needs more, and the parser stays shallow

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: math.fmod,
    ast.Pow: math.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sqrt")},
    **{name: getattr(math, name) for name in ("exp", "log", "log10", "sinh", "cosh", "tanh", "pow", "floor")},
    "abs": abs,
    "fabs": abs,
    "min": min,
    "max": max,
    "ceil": math.ceil,
}


def evaluate(text: str, names: Mapping[str, float]) -> float:
    """The value of an expression of numbers, names, elements ``m[1,2]``, ``+ - * / % ^ **``, brackets and common functions.

    Raises
    ------
    ValueError
        For anything else, an unknown name, or a result that is not finite; the message says which.
    """
    if len(text) > LONGEST:
        raise ValueError(f"an expression of {len(text):,} characters is refused")
    try:
        tree = ast.parse(ZEROS.sub("", text.strip()).replace("^", "**"), mode="eval")
        value = float(_value(tree.body, names))
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is not an arithmetic expression") from None
    except (ArithmeticError, TypeError) as error:
        raise ValueError(f"{text!r} cannot be computed: {error}") from None
    if not abs(value) <= limits.NUMBER:
        raise ValueError(f"{text!r} is not finite, or larger than {limits.NUMBER:g}")
    return value


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ValueError(f"{node.id!r} is not defined before this line")
        return names[node.id]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        name = f"{node.value.id}[{','.join(f'{_value(part, names):g}' for part in parts)}]"
        if name not in names:
            raise ValueError(f"{name!r} is not defined before this line")
        return names[name]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, names), _value(node.right, names))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, names))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id in _FUNCTIONS:
            return float(_FUNCTIONS[node.func.id](*(_value(part, names) for part in node.args)))
        raise ValueError(f"the function {node.func.id!r} is not known")
    raise ValueError(f"{ast.unparse(node)!r} is no arithmetic")

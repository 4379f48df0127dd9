"""A few lines that let formulas be written as ONNX: values that add and multiply, operators called by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Old enough for most programs that run ONNX, new enough for layer normalisation as one operator.
OPSET, IR_VERSION = 17, 8
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}


class Value:
    """A tensor somewhere in a graph: its name there, and the type of its numbers."""

    def __init__(self, graph: Graph, name: str, dtype: str) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def __add__(self, other: Any) -> Value:
        return self.graph("Add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.graph("Sub", self, other)

    def __mul__(self, other: Any) -> Value:
        return self.graph("Mul", self, other)

    def __truediv__(self, other: Any) -> Value:
        return self.graph("Div", self, other)

    def __matmul__(self, other: Any) -> Value:
        return self.graph("MatMul", self, other)

    def to(self, dtype: str) -> Value:
        """The same numbers as another type."""
        return self.graph("Cast", self, dtype=dtype, to=TYPES[dtype])

    def cut(self, axis: int, start: int, stop: int | None = None) -> Value:
        """Some places of one axis, as `[start:stop]` means them."""
        far = np.iinfo(np.int64).max if stop is None else stop
        return self.graph("Slice", self, *(np.array([i]) for i in (start, far, axis)))

    def unsqueeze(self, axis: int) -> Value:
        """A new axis of one place."""
        return self.graph("Unsqueeze", self, np.array([axis]))

    def squeeze(self, axis: int) -> Value:
        """Without an axis of one place."""
        return self.graph("Squeeze", self, np.array([axis]))

    def reshape(self, *shape: int) -> Value:
        """Another shape: 0 keeps an axis, −1 is what is left."""
        return self.graph("Reshape", self, np.array(shape))

    def permute(self, *axes: int) -> Value:
        """Axes in another order."""
        return self.graph("Transpose", self, perm=axes)

    def pad(self, *pads: tuple[int, int]) -> Value:
        """Zeros before and after, one pair an axis."""
        return self.graph("Pad", self, np.array([before for before, _ in pads] + [after for _, after in pads]))


class Graph:
    """An ONNX graph in the making; calling it adds an operator, whose numbers become constants beside it."""

    def __init__(self, name: str) -> None:
        self.name, self.group = name, ""
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def __call__(
        self, operator: str, *inputs: Any, dtype: str | None = None, results: int = 1, **attributes: Any
    ) -> Any:
        """Add an operator; None is an input left out, and numbers take the type of the value they meet.

        Returns:
            Its result, or a tuple of them; of the first input's type unless `dtype` says otherwise.
        """
        own = next((x.dtype for x in inputs if isinstance(x, Value) and x.dtype != "bool"), "bool")
        names = ["" if x is None else (x if isinstance(x, Value) else self.constant(x, own)).name for x in inputs]
        title = f"{self.group}/{operator}_{len(self.nodes)}"
        outputs = [title] if results == 1 else [f"{title}.{i}" for i in range(results)]
        self.nodes.append(helper.make_node(operator, names, outputs, name=title, **attributes))
        values = tuple(Value(self, output, dtype or own) for output in outputs)
        return values[0] if results == 1 else values

    def constant(self, numbers: Any, dtype: str = "float32") -> Value:
        """Numbers known beforehand, once each; whole ones in arrays stay whole, they are places and sizes."""
        array = np.asarray(numbers)
        array = array if array.ndim and array.dtype == np.int64 else array.astype(dtype)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"{self.group}/constant_{len(self.constants)}")
        return Value(self, self.constants[key].name, str(array.dtype))

    def input(self, name: str, shape: tuple[int | str, ...], meaning: str) -> Value:
        """A float32 input; a size that is a name may be any."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, meaning))
        return Value(self, name, "float32")

    def output(self, value: Value, name: str, shape: tuple[int | str, ...], meaning: str) -> None:
        """Give out a value by name."""
        self.nodes.append(helper.make_node("Identity", [value.name], [name], name=f"out/{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, meaning))

    def model(self, facts: dict[str, str], told: str) -> onnx.ModelProto:
        """The whole as a model, checked for form."""
        graph = helper.make_graph(
            self.nodes, self.name, self.inputs, self.outputs, list(self.constants.values()), doc_string=told
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="course_lib"
        )
        helper.set_model_props(model, facts)
        onnx.checker.check_model(model, full_check=True)
        return model

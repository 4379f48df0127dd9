"""A few lines that let formulas be written as ONNX: values that add and multiply, operators called by name."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from course_lib.tone_transfer.exporting.parts import Port

# Old enough for most programs that run ONNX, new enough for layer normalisation as one operator.
OPSET, IR_VERSION = 17, 8
TYPES = {"float32": 1, "int64": 7, "float64": 11}  # as ONNX counts them


class Node(NamedTuple):
    """One operator: what it is, its name, what it reads and makes, and its settings."""

    operator: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


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
        self.nodes: list[Node] = []
        self.constants: dict[tuple[str, tuple[int, ...], bytes], tuple[str, np.ndarray]] = {}
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []

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
        self.nodes.append(Node(operator, title, names, outputs, attributes))
        values = tuple(Value(self, output, dtype or own) for output in outputs)
        return values[0] if results == 1 else values

    def constant(self, numbers: Any, dtype: str = "float32") -> Value:
        """Numbers known beforehand, once each; whole ones in arrays stay whole, they are places and sizes."""
        array = np.asarray(numbers)
        array = array if array.dtype == np.int64 and isinstance(numbers, np.ndarray) else array.astype(dtype)
        key = (str(array.dtype), array.shape, array.tobytes())
        name, _ = self.constants.setdefault(key, (f"{self.group}/constant_{len(self.constants)}", array))
        return Value(self, name, str(array.dtype))

    def input(self, port: Port) -> Value:
        """A float32 input; a size that is a name may be any."""
        self.inputs.append(port)
        return Value(self, port.name, "float32")

    def output(self, port: Port, value: Value) -> None:
        """Give out a value by name."""
        self.nodes.append(Node("Identity", f"out/{port.name}", [value.name], [port.name], {}))
        self.outputs.append(port)

    def model(self, facts: dict[str, str]) -> bytes:
        """The whole as the content of a file, its form checked, with facts beside it."""
        import onnx
        from onnx import helper, numpy_helper

        def ends(ports: list[Port]) -> list[Any]:
            return [helper.make_tensor_value_info(port.name, TYPES["float32"], *port[1:]) for port in ports]

        nodes = [helper.make_node(*node[:1], *node[2:4], name=node.name, **node.attributes) for node in self.nodes]
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.values()]
        graph = helper.make_graph(nodes, self.name, ends(self.inputs), ends(self.outputs), constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="course_lib"
        )
        helper.set_model_props(model, facts)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()

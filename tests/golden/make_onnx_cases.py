# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/import/onnx_cases.h5: models of one operator each, in every use that the importer knows, with what ONNX
Runtime computes, and uses that it must refuse.

    pip install onnx onnxruntime h5py numpy
    python make_onnx_cases.py OUT_DIR

/<case>/model holds the file's bytes, /<case>/input and /<case>/output the numbers; a case to be refused has the model alone.
"""
import sys

import h5py
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(11)
MAPS = (4, 7, 6)
CASES = {}


def weights(*shape):
    return (RNG.standard_normal(shape) * 0.5).astype(np.float32)


def case(name, kind, *constants, opset=13, shape=MAPS, refused=False, before=(), inputs=None, as_nodes=False, batch="N",
         after=(), swapped=False, **attributes):
    """One node `name` of `kind` on the input, behind `before` nodes and in front of `after`, (kind, constants, attributes)
    each. Constants are arrays; None leaves an input out."""
    nodes, tensors, at = [], [], "input"

    def add(kind, constants, attributes, name, inputs=None):
        nonlocal at
        names = [at] if inputs is None else [at if i == "at" else i for i in inputs]
        for i, array in enumerate(constants):
            if array is None:
                names.append("")
                continue
            label = f"{name}_{i}"
            if as_nodes:
                nodes.append(helper.make_node("Constant", [], [label], value=numpy_helper.from_array(np.asarray(array), label)))
            else:
                tensors.append(numpy_helper.from_array(np.asarray(array), label))
            names.append(label)
        nodes.append(helper.make_node(kind, names, [name + "_out"], name=name, **attributes))
        at = name + "_out"

    for i, (k, c, a) in enumerate(before):
        add(k, c, a, f"before{i}")
    add(kind, constants, attributes, name, inputs)
    if swapped:
        nodes[-1].input[:] = list(nodes[-1].input)[::-1]
    for i, (k, c, a) in enumerate(after):
        add(k, c, a, f"after{i}")
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, *shape])],
                              [helper.make_tensor_value_info(at, TensorProto.FLOAT, None)], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="cutaway-tests")
    model.ir_version = 7 if opset < 18 else 10
    assert name not in CASES
    CASES[name] = (model.SerializeToString(), shape, refused, 2 if batch == "N" else batch)


FLAT = [("Flatten", [], {})]
GLOBAL = [("GlobalAveragePool", [], {})]


def windows():
    case("conv_plain", "Conv", weights(5, 4, 3, 2), weights(5))
    case("conv_groups", "Conv", weights(6, 2, 3, 3), weights(6), group=2, pads=[1, 1, 1, 1])
    case("conv_depthwise", "Conv", weights(8, 1, 3, 3), group=4)
    case("conv_dilations", "Conv", weights(3, 4, 2, 3), dilations=[3, 2], pads=[1, 2, 1, 2])
    case("conv_strides", "Conv", weights(3, 4, 3, 3), strides=[2, 3])
    case("conv_one_sided", "Conv", weights(3, 4, 3, 3), pads=[2, 0, 1, 1])
    for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        case("conv_" + mode.lower(), "Conv", weights(3, 4, 4, 3), auto_pad=mode, strides=[2, 2])
        if mode != "VALID":
            case("max_" + mode.lower(), "MaxPool", auto_pad=mode, kernel_shape=[3, 3], strides=[2, 2])
            case("mean_" + mode.lower(), "AveragePool", auto_pad=mode, kernel_shape=[3, 3], strides=[2, 2])
            case("mean_counted_" + mode.lower(), "AveragePool", auto_pad=mode, kernel_shape=[3, 3], strides=[2, 2],
                 count_include_pad=1)
            case("max_stride1_" + mode.lower(), "MaxPool", auto_pad=mode, kernel_shape=[2, 2])
            case("mean_stride1_" + mode.lower(), "AveragePool", auto_pad=mode, kernel_shape=[2, 2])
    case("conv_one_dimension", "Conv", weights(3, 4, 3), refused=True, shape=(4, 7))
    case("conv_computed_weights", "Conv", inputs=["input", "input"], refused=True)
    case("conv_unknown_auto_pad", "Conv", weights(3, 4, 3, 3), auto_pad="SAME", refused=True)
    for ceil in (0, 1):
        for pads in ([0, 0, 0, 0], [1, 1, 1, 1]):
            tag = f"_ceil{ceil}_pad{pads[0]}"
            case("max" + tag, "MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=ceil, pads=pads)
            case("max2" + tag, "MaxPool", kernel_shape=[3, 2], strides=[3, 2], ceil_mode=ceil, pads=pads)
            for counted in (0, 1):
                case(f"mean{tag}_counted{counted}", "AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=ceil, pads=pads,
                     count_include_pad=counted)
                case(f"mean2{tag}_counted{counted}", "AveragePool", kernel_shape=[2, 3], strides=[2, 3], ceil_mode=ceil,
                     pads=pads, count_include_pad=counted)
    for pads in ([0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0], [1, 0, 0, 2]):
        for kernel in ([3, 3], [2, 3]):
            for counted in (0, 1):
                tag = "".join(map(str, pads + kernel))
                case(f"mean_uneven_{tag}_counted{counted}", "AveragePool", kernel_shape=kernel, strides=[2, 2], ceil_mode=1, pads=pads,
                     count_include_pad=counted)
    case("mean_one_sided_counted", "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 1, 0], count_include_pad=1)
    case("max_one_sided", "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    case("max_both_sides", "MaxPool", kernel_shape=[3, 4], strides=[1, 2], pads=[2, 1, 0, 3])
    case("max_far_sided", "MaxPool", kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 2, 2], refused=True)
    case("max_dilations", "MaxPool", kernel_shape=[2, 2], dilations=[2, 2], refused=True)
    case("mean_dilations", "AveragePool", kernel_shape=[2, 2], dilations=[2, 2], opset=19, refused=True)
    case("global_max", "GlobalMaxPool")
    case("global_mean", "GlobalAveragePool")
    case("reduce_mean", "ReduceMean", axes=[2, 3])
    case("reduce_mean_flat", "ReduceMean", axes=[-1, -2], keepdims=0)
    case("reduce_mean_channels", "ReduceMean", axes=[1])


def vectors():
    features = int(np.prod(MAPS))
    for trans in (0, 1):
        w = weights(6, features) if trans else weights(features, 6)
        case(f"gemm_trans{trans}", "Gemm", w, weights(6), before=FLAT, transB=trans)
        case(f"gemm_scaled_trans{trans}", "Gemm", w, weights(6), before=FLAT, transB=trans, alpha=0.25, beta=-3.0)
        case(f"gemm_no_bias_trans{trans}", "Gemm", w, before=FLAT, transB=trans, alpha=1.5)
    case("gemm_square", "Gemm", weights(4, 4), weights(4), before=GLOBAL + FLAT)
    case("gemm_square_trans", "Gemm", weights(4, 4), weights(4), before=GLOBAL + FLAT, transB=1)
    case("gemm_row_bias", "Gemm", weights(features, 6), weights(1, 6), before=FLAT)
    case("gemm_one_bias", "Gemm", weights(features, 6), weights(1), before=FLAT, refused=True)
    case("gemm_trans_a", "Gemm", weights(2, 6), before=FLAT, transA=1, refused=True)
    case("matmul", "MatMul", weights(features, 5), before=FLAT)
    case("matmul_bias", "MatMul", weights(features, 5), before=FLAT, after=[("Add", [weights(5)], {})])
    case("matmul_of_maps", "MatMul", weights(6, 3))
    case("matmul_constants", "MatMul", weights(features, 5), before=FLAT, as_nodes=True)
    case("softmax", "Softmax", before=FLAT)
    case("softmax_axis", "Softmax", before=FLAT, axis=1)
    case("softmax_old", "Softmax", before=FLAT, opset=11)
    case("softmax_of_maps", "Softmax", axis=1)
    case("softmax_of_maps_negative", "Softmax", axis=-3)
    case("softmax_of_columns", "Softmax")
    case("softmax_of_maps_old", "Softmax", opset=11, axis=1, refused=True)
    dense = [("Gemm", [weights(features, 3)], {})]
    case("flatten", "Flatten", after=dense)
    case("flatten_negative", "Flatten", after=dense, axis=-3)
    case("flatten_columns", "Flatten", axis=2, refused=True)
    case("flatten_batch", "Flatten", axis=0, refused=True)
    for name, to in (("rest", [0, -1]), ("batch", [-1, features]), ("kept", [0, features])):
        case("reshape_" + name, "Reshape", np.array(to, np.int64), after=dense)
        case("reshape_constant_" + name, "Reshape", np.array(to, np.int64), after=dense, as_nodes=True)
    case("reshape_fixed_batch", "Reshape", np.array([2, -1], np.int64), after=dense, batch=2)
    case("reshape_split", "Reshape", np.array([3, -1], np.int64), refused=True, batch=1)
    case("reshape_maps", "Reshape", np.array([0, 7, 4, 6], np.int64))
    case("reshape_column", "Reshape", np.array([0, -1, 1, 1], np.int64), before=GLOBAL, after=[("Conv", [weights(3, 4, 1, 1)], {})])
    case("reshape_same", "Reshape", np.array([0, 4, 7, 6], np.int64))
    case("squeeze", "Squeeze", np.array([2, 3], np.int64), before=GLOBAL, after=[("Gemm", [weights(4, 3)], {})])
    case("squeeze_old", "Squeeze", before=GLOBAL, after=[("Gemm", [weights(4, 3)], {})], opset=11, axes=[2, 3])
    case("transpose", "Transpose", perm=[0, 2, 3, 1])


def others():
    scale = [np.abs(weights(4)) + 0.5, weights(4), weights(4), np.abs(weights(4)) + 0.5]
    case("norm", "BatchNormalization", *scale)
    case("norm_epsilon", "BatchNormalization", *scale, epsilon=0.01)
    case("norm_vector", "BatchNormalization", *scale, before=GLOBAL + FLAT)
    case("norm_training", "BatchNormalization", *scale, opset=15, training_mode=1, refused=True)
    case("lrn", "LRN", size=3, alpha=0.1, beta=0.5, bias=1.5)
    case("lrn_defaults", "LRN", size=5)
    case("lrn_even", "LRN", size=4, refused=True)
    case("concat", "Concat", inputs=["input", "at"], before=[("Relu", [], {})], axis=1)
    case("concat_negative", "Concat", inputs=["at", "input", "at"], before=[("Relu", [], {})], axis=-3)
    case("concat_rows", "Concat", inputs=["input", "at"], before=[("Relu", [], {})], axis=2)
    case("add", "Add", inputs=["input", "at"], before=[("Relu", [], {})])
    case("sum", "Sum", inputs=["input", "at", "input"], before=[("Relu", [], {})])
    case("add_constant", "Add", weights(1, 4, 1, 1), before=[("Relu", [], {})])
    case("add_broadcast", "Add", inputs=["input", "at"], before=GLOBAL)
    case("conv_bias", "Conv", weights(5, 4, 1, 1), after=[("Add", [weights(1, 5, 1, 1)], {})])
    case("clip", "Clip", np.float32(-0.5), np.float32(0.75))
    case("clip_relu", "Clip", np.float32(0))
    case("clip_attributes", "Clip", opset=6 + 1, min=0.0, max=0.5)
    case("clip_constants", "Clip", np.float32(0), np.float32(6), as_nodes=True)
    case("clip_above", "Clip", None, np.float32(1))
    case("clip_off_zero", "Clip", np.float32(0.25), np.float32(1))
    case("relu", "Relu")
    case("leaky", "LeakyRelu", alpha=0.3)
    case("leaky_default", "LeakyRelu")
    case("leaky_steep", "LeakyRelu", alpha=1.5, refused=True)
    case("identity", "Identity", after=[("Relu", [], {})])
    case("dropout", "Dropout", np.float32(0.3), after=[("Relu", [], {})])
    case("dropout_old", "Dropout", opset=10, ratio=0.3, after=[("Relu", [], {})])
    pads = np.array([0, 0, 1, 2, 0, 0, 3, 0], np.int64)
    case("pad", "Pad", pads)
    case("pad_zero", "Pad", pads, np.float32(0))
    case("pad_reflect", "Pad", pads, mode="reflect")
    case("pad_old", "Pad", opset=10, pads=[0, 0, 1, 2, 0, 0, 3, 0])
    case("pad_edge", "Pad", pads, mode="edge")
    case("pad_ones", "Pad", pads, np.float32(1), refused=True)
    case("pad_negative", "Pad", -pads)
    case("pad_channels", "Pad", np.array([0, 1, 0, 0, 0, 1, 0, 0], np.int64), refused=True)
    case("pad_axes", "Pad", np.array([1, 2], np.int64), None, np.array([2], np.int64), opset=18)
    case("upsample", "Resize", None, np.array([1, 1, 2, 2], np.float32))
    case("elu", "Elu")
    case("conv_transpose", "ConvTranspose", weights(4, 3, 2, 2))


def constants():
    """Constants beside a value: only what ONNX's broadcasting makes one number, or one a channel, is a scale, a shift or a bias.

    The maps are 6 x 7 x 6: a constant of 6 may be meant for channels or for columns."""
    square = (6, 7, 6)
    conv = [("Conv", [weights(6, 6, 1, 1)], {})]
    shapes = {"c11": (6, 1, 1), "1c11": (1, 6, 1, 1), "one": (1,), "scalar": (), "1111": (1, 1, 1, 1)}
    for tag, shape in shapes.items():
        for kind in ("Add", "Sub", "Mul", "Div"):
            case(f"{kind.lower()}_{tag}", kind, np.abs(weights(*shape)) + 0.5, shape=square)
            if kind != "Div":
                case(f"{kind.lower()}_{tag}_first", kind, weights(*shape), inputs=None, swapped=True, shape=square)
        case(f"conv_add_{tag}", "Add", weights(*shape), before=conv, shape=square)
        case(f"conv_add_{tag}_first", "Add", weights(*shape), before=conv, swapped=True, shape=square)
    for tag, shape in {"w": (6,), "1w": (1, 6), "11w": (1, 1, 6), "111w": (1, 1, 1, 6), "h1": (7, 1), "chw": (6, 7, 6), "11111": (1,) * 5}.items():
        case(f"conv_add_{tag}", "Add", weights(*shape), before=conv, shape=square, refused=tag == "11111")
        case(f"mul_{tag}", "Mul", weights(*shape), shape=square, refused=tag == "11111")
    case("div_first", "Div", weights(6, 1, 1), swapped=True, shape=square)
    vector = GLOBAL + FLAT
    case("vector_add", "Add", weights(6), before=vector, shape=square)
    case("vector_mul", "Mul", weights(1, 6), before=vector, shape=square)
    case("vector_add_column", "Add", weights(6, 1), before=vector, shape=square, refused=True)
    case("matmul_add_row", "Add", weights(1, 5), before=vector + [("MatMul", [weights(6, 5)], {})], shape=square)
    case("matmul_add_one", "Add", weights(1), before=vector + [("MatMul", [weights(6, 5)], {})], shape=square)
    case("normalised", "Div", np.float32([[[0.2]], [[0.3]], [[0.5]]]), before=[("Sub", [weights(3, 1, 1)], {})], shape=(3, 5, 4),
         after=[("Conv", [weights(2, 3, 3, 3)], {})])


def extents():
    """Squeezing, unsqueezing, means along axes, extents computed by the model."""
    i = lambda *values: np.array(values, np.int64)  # noqa: E731
    dense = [("Gemm", [weights(4, 3)], {})]
    case("squeeze_last", "Squeeze", i(-1), before=GLOBAL, after=[("Squeeze", [i(-1)], {})] + dense)
    case("squeeze_last_first", "Squeeze", i(3), before=GLOBAL, after=[("Squeeze", [i(2)], {})] + dense)
    case("squeeze_turned", "Squeeze", i(-1, -2), before=GLOBAL, after=dense)
    case("squeeze_all", "Squeeze", before=GLOBAL, batch=1, after=[("Relu", [], {})])
    case("squeeze_rows", "Squeeze", i(2), refused=True)
    case("squeeze_channels", "Squeeze", i(1), before=[("Conv", [weights(1, 4, 1, 1)], {})])
    case("unsqueeze", "Unsqueeze", i(2, 3), before=GLOBAL + FLAT, after=[("Conv", [weights(3, 4, 1, 1)], {})])
    case("unsqueeze_front", "Unsqueeze", i(0), before=GLOBAL + FLAT, refused=True)
    for keeps in (0, 1):
        case(f"mean_columns_rows{keeps}", "ReduceMean", before=[("ReduceMean", [], {"axes": [3], "keepdims": keeps})], axes=[2], keepdims=keeps)
        case(f"mean_rows_columns{keeps}", "ReduceMean", before=[("ReduceMean", [], {"axes": [2], "keepdims": keeps})], axes=[-1], keepdims=keeps)
    case("mean_of_lines", "ReduceMean", before=[("Reshape", [i(0, 4, -1)], {})], axes=[2], keepdims=0)
    case("mean_of_everything", "ReduceMean", refused=True)
    case("softmax_of_lines", "Softmax", before=[("Reshape", [i(0, 4, -1)], {})], axis=1)
    case("softmax_along_lines", "Softmax", before=[("Reshape", [i(0, 4, -1)], {})], axis=2)
    case("softmax_rows", "Softmax", axis=2)
    case("add_of_ranks", "Add", inputs=["at", "input"], before=GLOBAL + FLAT, shape=(4, 1, 1), refused=True)
    case("max_of_everything", "MaxPool", kernel_shape=[20, 19], shape=(3, 20, 19))
    case("cast_double", "Cast", to=TensorProto.DOUBLE, after=[("Cast", [], {"to": TensorProto.FLOAT}), ("Relu", [], {})])
    case("cast_integers", "Cast", to=TensorProto.INT32, after=[("Cast", [], {"to": TensorProto.FLOAT})], refused=True)
    case("dropout_training", "Dropout", np.float32(0.3), np.bool_(True), refused=True)
    case("dropout_evaluation", "Dropout", np.float32(0.3), np.bool_(False), after=[("Relu", [], {})])
    case("relu_attribute", "Relu", refused=True, upper=3.0)
    case("reshape_zero_is_zero", "Reshape", i(0, -1), opset=14, allowzero=1, refused=True)


def layers():
    """Operators that became layers of their own later than the rest: all uses with random numbers are in random_graphs.h5."""
    for kind in ("Sigmoid", "Tanh", "Softplus", "Softsign", "Selu", "Elu", "HardSigmoid", "Neg", "Erf"):
        case("function_" + kind.lower(), kind)
    case("function_elu_alpha", "Elu", alpha=0.5)
    case("function_hardsigmoid_alpha", "HardSigmoid", alpha=0.3, beta=0.25)
    case("function_hardswish", "HardSwish", opset=14)
    for kind in ("none", "tanh"):
        case("function_gelu_" + kind, "Gelu", opset=20, approximate=kind)
    case("celu_alpha", "Celu", alpha=0.5, refused=True)
    case("prelu", "PRelu", weights(4, 1, 1))
    case("prelu_one", "PRelu", weights(1))
    case("prelu_columns", "PRelu", weights(6), refused=True)
    case("max_constant", "Max", weights(4, 1, 1))
    case("min_computed", "Min", inputs=["input", "at"], before=[("Relu", [], {})])
    case("mul_gate", "Mul", inputs=["input", "at"], before=GLOBAL + [("Sigmoid", [], {})])
    case("div_computed", "Div", inputs=["input", "at"], before=[("Sigmoid", [], {})])
    i = lambda *values: np.array(values, np.int64)  # noqa: E731
    case("slice", "Slice", i(1, -3), i(3, 100), i(1, 3), i(1, 2))
    case("slice_backwards", "Slice", i(-1), i(-100), i(1), i(-1), refused=True)
    case("slice_batch", "Slice", i(0), i(1), i(0), refused=True)
    case("gather_colours", "Gather", i(2, 1, 0), axis=1)
    case("gather_one", "Gather", np.int64(2), axis=1)
    case("gather_table", "Gather", i(1, 0).reshape(1, 2), axis=1, refused=True)
    case("deep", "DepthToSpace", blocksize=2)
    case("deep_crd", "DepthToSpace", blocksize=2, mode="CRD")
    case("shallow", "SpaceToDepth", blocksize=2, shape=(3, 4, 6))
    case("resize_cubic", "Resize", None, np.array([1, 1, 2, 2], np.float32), mode="cubic", refused=True)
    case("resize_channels", "Resize", None, np.array([1, 2, 2, 2], np.float32), refused=True)
    case("upsample_old", "Upsample", np.array([1, 1, 2, 3], np.float32), opset=9)
    case("instance", "InstanceNormalization", weights(4), weights(4))
    case("layer", "LayerNormalization", weights(6), weights(6), opset=17)
    case("layer_whole", "LayerNormalization", weights(4, 7, 6), weights(4, 7, 6), opset=17, axis=1)
    case("layer_rows", "LayerNormalization", weights(7, 6), opset=17, axis=2, refused=True)
    case("reduce_max_channels", "ReduceMax", axes=[1])
    case("reduce_sum", "ReduceSum", i(2, 3), keepdims=0)
    case("reduce_l2", "ReduceL2", axes=[1], refused=True)
    case("transpose_batch", "Transpose", perm=[1, 0, 2, 3], refused=True)


def main(out):
    windows()
    vectors()
    others()
    constants()
    extents()
    layers()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    with h5py.File(f"{out}/onnx_cases.h5", "w", libver=("v108", "v110")) as file:
        for name, (model, shape, refused, batch) in CASES.items():
            group = file.create_group(name)
            group["model"] = np.frombuffer(model, np.uint8)
            if refused:
                continue
            x = RNG.standard_normal((batch, *shape)).astype(np.float32)
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            group["input"] = x
            group["output"] = session.run(None, {"input": x})[0]


if __name__ == "__main__":
    main(sys.argv[1])

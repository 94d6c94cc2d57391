"""Writes the small checkpoint files beside itself (needs torch and safetensors; the tests need only the files).

    python generate.py
"""
import collections, io, os, pickle, struct, tarfile, zipfile

import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name)


def values(*shape):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) / 8 - 1).reshape(shape)


def state():
    base = values(4, 6)
    return collections.OrderedDict(
        conv=values(2, 3, 2, 2),
        channels_last=values(2, 3, 2, 2).contiguous(memory_format=torch.channels_last),
        transposed=values(3, 5).t(),
        row=base[2],
        column=base[:, 1],
        half=values(2, 3).half(),
        bfloat16=values(2, 3).bfloat16(),
        double=values(2, 3).double(),
        parameter=torch.nn.Parameter(values(4)),
        tracked=torch.tensor(7),
        empty=torch.zeros(0, 3),
    )


torch.save(state(), path("zip.pth"))
torch.save(state(), path("legacy.pth"), _use_new_zipfile_serialization=False)
save_file({k: v.contiguous() for k, v in state().items()}, path("plain.safetensors"), metadata={"format": "pt"})
torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in state().items()}, "optimizer": {"lr": [0.1]}},
           path("wrapped.pth"))
torch.save({"model": {"backbone." + k: v for k, v in state().items()}}, path("backbone.pth"),
           _use_new_zipfile_serialization=False)


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


torch.save({"weight": Evil(os.system, "true")}, path("evil.pth"))
torch.save({"weight": Evil(eval, "1")}, path("evil_legacy.pth"), _use_new_zipfile_serialization=False)
torch.save({"weight": values(2), "x": Evil(getattr, "a", "upper")}, path("evil_getattr.pth"), pickle_protocol=4)
torch.save(torch.nn.Linear(2, 2), path("module.pth"))


def tar():
    """The format of PyTorch 0.1.x, as torch/serialization.py's legacy_load reads it."""
    out = tarfile.open(path("tar.pth"), "w", format=tarfile.USTAR_FORMAT)

    def add(name, data):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        out.addfile(info, io.BytesIO(data))

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.number if isinstance(value, Numbered) else None

    class Numbered:
        def __init__(self, number):
            self.number = number

    def dump(value):
        return pickle.dumps(value, protocol=2)

    floats = [i / 8 - 1 for i in range(24)]
    storages = dump(1) + dump((100, "cpu", torch.FloatStorage)) + struct.pack("<q", 24) + struct.pack("<24f", *floats)
    storages += dump([(101, 100, 4, 8)])
    tensors = dump(3)
    for key, storage, shape, strides, offset in [
        (1, 100, (4, 6), (6, 1), 0), (2, 100, (6, 4), (1, 6), 0), (3, 101, (3,), (2,), 1)]:
        tensors += dump((key, storage, torch.FloatTensor)) + struct.pack("<ii", len(shape), 0)
        tensors += struct.pack(f"<{len(shape)}q", *shape) + struct.pack(f"<{len(shape)}q", *strides)
        tensors += struct.pack("<q", offset)
    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump(collections.OrderedDict(plain=Numbered(1), turned=Numbered(2), view=Numbered(3)))
    add("sys_info", dump({"protocol_version": 1000, "little_endian": True, "type_sizes": {}}))
    add("pickle", buffer.getvalue())
    add("tensors", tensors)
    add("storages", storages)
    out.close()


tar()


def big_endian():
    """zip.pth as a big-endian machine writes it: each element's bytes turned round (by the storage's element size)."""
    sizes = {96: 4, 60: 4, 48: 8, 16: 4, 8: 8}
    with zipfile.ZipFile(path("zip.pth")) as source, zipfile.ZipFile(path("big_endian.pth"), "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "zip/byteorder":
                data = b"big"
            elif "/data/" in entry.filename:
                # Half and bfloat16 are the two storages of 12 bytes.
                size = sizes.get(len(data), 2)
                data = b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
            target.writestr(zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0)), data)


big_endian()

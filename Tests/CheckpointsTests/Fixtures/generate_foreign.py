"""Writes ResNet18s as other libraries save them, each by the library's own function, to foreign/ beside itself, with the
logits that the library computes from them (needs torch, torchvision, timm, lightning, fastai and transformers; the tests need
only the files).

All tensors of a file are strided views of one small storage (`STORAGE`, which the tests make again), so that a file takes some
kilobytes: the tensor with index i among torchvision's 122 begins at i, in weights that are an average at i + SHIFT. Tensors of
a head that is not one layer are ones, and its network's body is judged with the fc that the other files have.
"""
import argparse, json, os, shutil, sys, tempfile

import torch
import torchvision

here = os.path.dirname(os.path.abspath(__file__))
folder = os.path.join(here, "foreign")
os.makedirs(folder, exist_ok=True)
CLASSES = 3
SHIFT = 61
# Where the values above zero begin.
POSITIVE = 1800
INDEX = {name: i for i, name in enumerate(torchvision.models.resnet18(num_classes=CLASSES).state_dict())}
BODY = [name for name in INDEX if not name.startswith("fc.")]
logits = {}


def path(name):
    return os.path.join(folder, name)


def numbers(count):
    """From 0 to 1023, of a linear congruential generator."""
    state = 1
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 16 & 1023


def storage():
    found = torch.tensor([float(number) for number in numbers(2560)])
    # Weights below 1/16 in size; variances and scales from 1/2 to 3/2.
    return torch.cat([(found[:POSITIVE] - 512) / 8192, found[POSITIVE:] / 1024 + 0.5])


STORAGE = storage()


def picture():
    """A normalised picture of 32 by 32, from the same generator as STORAGE."""
    values = [float(number) for number in numbers(3 * 32 * 32)]
    return (torch.tensor(values).reshape(1, 3, 32, 32) - 512) / 256


def slots(module):
    """Parameters and buffers with their values, in the order of the state dict."""
    seen = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return [seen[name] for name in module.state_dict()]


def fill(module, names, shift=0):
    """Gives the tensors of `module`, whose torchvision names are `names`, their values."""
    tensors = slots(module)
    assert len(tensors) == len(names), (len(tensors), len(names))
    tracked, values = torch.tensor(7), STORAGE.clone()
    for name, tensor in zip(names, tensors):
        if tensor.dim() == 0:
            tensor.data = tracked
            continue
        strides = {1: (1,), 2: (2, 1), 4: (1, 2, 3, 1)}[tensor.dim()]
        is_positive = tensor.dim() == 1 and name.endswith(("running_var", "weight"))
        offset = INDEX[name] + shift + (POSITIVE if is_positive else 0)
        tensor.data = values.as_strided(tensor.shape, strides, offset)
    return module.eval()


def resnet(shift=0):
    model = torchvision.models.resnet18(num_classes=CLASSES)
    return fill(model, list(INDEX), shift)


def judge(name, model, pick=lambda out: out):
    with torch.no_grad():
        logits[name] = pick(model.eval()(picture()))[0].tolist()


def judge_body(name, body):
    """`body` ends with the last block or the pooling behind it."""
    judge(name, torch.nn.Sequential(body, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), resnet().fc))


def timm_files():
    import timm, timm.utils

    model = timm.create_model("resnet18", num_classes=CLASSES)
    ema = timm.utils.ModelEmaV3(model, decay=0.9)
    fill(model, list(INDEX))
    fill(ema.module, list(INDEX), SHIFT)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    args = argparse.Namespace(model="resnet18", data_dir="pictures", lr=0.1, mean=None)
    with tempfile.TemporaryDirectory() as temporary:
        saver = timm.utils.CheckpointSaver(model, optimizer, args=args, model_ema=ema, checkpoint_dir=temporary)
        saver.save_checkpoint(epoch=3, metric=71.5)
        shutil.copy(os.path.join(temporary, "last.pth.tar"), path("timm_ema.pth"))
    judge("timm_ema.pth", ema.module)
    judge("timm_ema.pth:state_dict", model)


def torch_files():
    body = resnet()
    averaged = torch.optim.swa_utils.AveragedModel(body, use_buffers=True)
    fill(averaged.module, list(INDEX), SHIFT)
    averaged.n_averaged += 5
    torch.save(averaged.state_dict(), path("averaged.pth"))
    judge("averaged.pth", averaged)
    # As torchvision's references/classification/train.py saves it.
    torch.save({"model": body.state_dict(), "optimizer": torch.optim.SGD(body.parameters(), lr=0.1).state_dict(),
                "epoch": 3, "args": argparse.Namespace(model="resnet18", lr=0.1), "model_ema": averaged.state_dict()},
               path("references_ema.pth"))
    judge("references_ema.pth", averaged)

    head = resnet()
    head.fc = torch.nn.Sequential(torch.nn.Dropout(0.5), head.fc)
    torch.save(head.state_dict(), path("fc_sequential.pth"))
    judge("fc_sequential.pth", head)
    deep = resnet()
    deep.fc = torch.nn.Sequential(torch.nn.Linear(512, 16), torch.nn.ReLU(), torch.nn.Linear(16, CLASSES))
    for tensor in slots(deep.fc):
        tensor.data = torch.ones(1).expand(tensor.shape)
    torch.save(deep.state_dict(), path("fc_deep.pth"))
    judge_body("fc_deep.pth", torch.nn.Sequential(*list(deep.children())[:-1]))

    children = list(resnet().children())
    body = torch.nn.Sequential(*children[:-1])
    torch.save(body.state_dict(), path("sequential_body.pth"))
    judge_body("sequential_body.pth", body)
    whole = torch.nn.Sequential(*children[:-1], torch.nn.Flatten(), children[-1])
    torch.save(whole.state_dict(), path("sequential_whole.pth"))
    judge("sequential_whole.pth", whole)
    split = torch.nn.Sequential(resnet(), torch.nn.Linear(512, CLASSES))
    split[1] = split[0].fc
    split[0].fc = torch.nn.Identity()
    torch.save(split.state_dict(), path("sequential_split.pth"))
    judge("sequential_split.pth", split)


def nameless_sources():
    """TorchScript keeps the paths of the sources in the file; of those only the names are left."""
    import torch._sources, torch.jit.frontend

    original = torch._sources.get_source_lines_and_file

    def shortened(*arguments):
        lines, number, file = original(*arguments)
        return lines, number, file and os.path.basename(file)

    torch._sources.get_source_lines_and_file = torch.jit.frontend.get_source_lines_and_file = shortened


def script_files():
    nameless_sources()
    model = resnet()
    torch.jit.save(torch.jit.script(model), path("script.pt"))
    judge("script.pt", model)
    example = torch.zeros(1, 3, 32, 32)
    torch.jit.save(torch.jit.trace(model, example, check_trace=False), path("trace.pt"))
    judge("trace.pt", model)
    # Freezing makes constants of the weights, whose names are lost.
    linear = torch.nn.Sequential(torch.nn.Linear(2, 2)).eval()
    torch.jit.save(torch.jit.freeze(torch.jit.script(linear)), path("script_frozen.pt"))
    program = torch.export.export(model, (example,))
    for node in program.graph.nodes:
        # Where each operation stands in the sources of the machine that wrote the file.
        for key in ["stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node"]:
            node.meta.pop(key, None)
    program._example_inputs = None
    torch.export.save(program, path("exported.pt2"))
    judge("exported.pt2", model)


def lightning_files():
    import lightning

    class Classifier(lightning.LightningModule):
        def __init__(self, lr=0.1, widths=(1, 2)):
            super().__init__()
            self.save_hyperparameters()
            self.backbone = torchvision.models.resnet18(num_classes=CLASSES)

        def training_step(self, batch, _):
            loss = torch.nn.functional.cross_entropy(self.backbone(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    module = Classifier()
    data = torch.utils.data.TensorDataset(torch.rand(4, 3, 32, 32), torch.tensor([0, 1, 2, 0]))
    with tempfile.TemporaryDirectory() as temporary:
        trainer = lightning.Trainer(
            accelerator="cpu", max_epochs=1, logger=False, default_root_dir=temporary, enable_progress_bar=False,
            callbacks=[lightning.pytorch.callbacks.ModelCheckpoint(dirpath=temporary, monitor="loss")])
        callback = trainer.checkpoint_callback
        trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=2))
        callback.dirpath, callback.best_model_path, callback.kth_best_model_path = "runs", "runs/a.ckpt", "runs/a.ckpt"
        callback.best_k_models = {"runs/a.ckpt": callback.best_model_score}
        fill(module.backbone, list(INDEX))
        trainer.save_checkpoint(path("lightning.ckpt"))
    judge("lightning.ckpt", module.backbone)

    averaging = lightning.pytorch.callbacks.EMAWeightAveraging(decay=0.9)

    class Averaged(Classifier):
        def on_train_epoch_end(self):
            average = averaging._average_model.module.backbone
            fill(self.backbone, list(INDEX))
            fill(average, list(INDEX), SHIFT)
            self.trainer.save_checkpoint(path("lightning_ema.ckpt"))
            judge("lightning_ema.ckpt", average)
            judge("lightning_ema.ckpt:current_model_state", self.backbone)
            # The callback writes into them when training ends.
            for tensor in slots(self.backbone) + slots(average):
                tensor.data = tensor.data.clone()

    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        callbacks=[averaging])
    trainer.fit(Averaged(), torch.utils.data.DataLoader(data, batch_size=2))


def fastai_files():
    import fastai.vision.all as fastai

    with tempfile.TemporaryDirectory() as temporary:
        data = [(torch.rand(3, 32, 32), i % CLASSES) for i in range(4)]
        loaders = fastai.DataLoaders.from_dsets(data, data, bs=2, device="cpu")
        loaders.c = CLASSES
        plain = fastai.Learner(
            loaders, torchvision.models.resnet18(num_classes=CLASSES), loss_func=torch.nn.CrossEntropyLoss(),
            path=temporary, opt_func=fastai.SGD)
        plain.create_opt()
        fill(plain.model, list(INDEX))
        shutil.copy(plain.save("plain", with_opt=True), path("fastai.pth"))
        judge("fastai.pth", plain.model)
        vision = fastai.vision_learner(
            loaders, fastai.resnet18, n_out=CLASSES, pretrained=False, normalize=False,
            loss_func=torch.nn.CrossEntropyLoss(), path=temporary)
        fill(vision.model[0], BODY)
        one = torch.ones(1)
        for tensor in slots(vision.model[1]):
            if tensor.dim():
                tensor.data = one.expand(tensor.shape)
        vision.create_opt()
        shutil.copy(vision.save("vision", with_opt=True), path("fastai_vision.pth"))
        judge_body("fastai_vision.pth", vision.model[0])


def transformers_files():
    import transformers

    config = transformers.ResNetConfig(
        embedding_size=64, hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic",
        num_labels=CLASSES, downsample_in_first_stage=False)
    model = transformers.ResNetForImageClassification(config)
    # Its own order: a shortcut stands before the two convolutions, torchvision's downsample behind them.
    names = []
    for name in model.state_dict():
        parts = name.split(".")
        kind = parts[-1]
        if "embedder" in name:
            names.append(("conv1." if "convolution" in name else "bn1.") + kind)
        elif parts[0] == "classifier":
            names.append("fc." + kind)
        else:
            block = f"layer{int(parts[3]) + 1}.{parts[5]}."
            if "shortcut" in name:
                names.append(block + ("downsample.0." if "convolution" in name else "downsample.1.") + kind)
            else:
                names.append(block + ("conv" if "convolution" in name else "bn") + f"{int(parts[7]) + 1}." + kind)
    assert sorted(names) == sorted(INDEX)
    fill(model, names)
    # What pytorch_model.bin of microsoft/resnet-18 holds; save_pretrained wrote it so before safetensors.
    torch.save(model.state_dict(), path("pytorch_model.bin"))
    judge("pytorch_model.bin", model, lambda out: out.logits)
    # A safetensors file holds no views: of this one only what stands before the values is kept, byte for byte.
    for tensor in slots(model):
        tensor.data = tensor.data.clone()
    with tempfile.TemporaryDirectory() as temporary:
        model.save_pretrained(temporary)
        with open(os.path.join(temporary, "model.safetensors"), "rb") as file:
            length = file.read(8)
            header = file.read(int.from_bytes(length, "little"))
    own = dict(zip(model.state_dict(), names))
    with open(path("transformers.header"), "wb") as out:
        out.write(length + header)
    with open(path("transformers_names.txt"), "w") as out:
        out.writelines(f"{name} {own[name]}\n" for name in json.loads(header) if name != "__metadata__")
    judge("model.safetensors", model, lambda out: out.logits)


for part in [timm_files, torch_files, script_files, lightning_files, fastai_files, transformers_files]:
    try:
        part()
    except Exception as error:
        print(f"{part.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
        raise
with open(path("logits.json"), "w") as out:
    json.dump(logits, out, indent=1)
    out.write("\n")

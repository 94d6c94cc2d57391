"""Writes ResNet18s as other libraries save them, each by the library's own function (needs torch, torchvision, timm, lightning,
fastai and transformers; the tests need only the files).

    python generate_foreign.py               small files beside itself, in foreign/
    python generate_foreign.py full FOLDER   files of full size with random weights, and the logits of each for picture.png

In a small file the tensor with index i among torchvision's 122 is full of (i + 1) / 128, its negative in weights that are an
average, and the head has 3 outputs. All are views of one storage, so that a file takes a few kilobytes.
"""
import argparse, json, os, shutil, sys, tempfile

import torch
import torchvision

FULL = sys.argv[1:2] == ["full"]
here = os.path.dirname(os.path.abspath(__file__))
folder = os.path.abspath(sys.argv[2]) if FULL else os.path.join(here, "foreign")
os.makedirs(folder, exist_ok=True)
CLASSES = 3
INDEX = {name: i for i, name in enumerate(torchvision.models.resnet18(num_classes=CLASSES).state_dict())}
BODY = [name for name in INDEX if not name.startswith("fc.")]
logits = {}


def path(name):
    return os.path.join(folder, name)


def picture():
    """A 256 by 256 picture and what torchvision's evaluation makes of it."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(1, 3, 16, 16, generator=generator)
    pixels = torch.nn.functional.interpolate(coarse, size=(256, 256), mode="bilinear")[0].mul(255).byte()
    crop = pixels[:, 16:240, 16:240].float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return pixels, ((crop - mean[:, None, None]) / std[:, None, None])[None]


def slots(module):
    """Parameters and buffers with their values, in the order of the state dict."""
    seen = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return [seen[name] for name in module.state_dict()]


def fill(module, names, sign=1.0, seed=0):
    """Gives the tensors of `module`, whose torchvision names are `names`, their values."""
    tensors = slots(module)
    assert len(tensors) == len(names), (len(tensors), len(names))
    generator = torch.Generator().manual_seed(seed)
    numbers, tracked = sign * torch.arange(1, len(INDEX) + 1) / 128, torch.tensor(7)
    for name, tensor in zip(names, tensors):
        if tensor.dim() == 0:
            tensor.data = tracked.clone() if FULL else tracked
        elif not FULL:
            tensor.data = numbers[INDEX[name]].expand(tensor.shape)
        elif name.endswith("running_var"):
            tensor.data = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif tensor.dim() == 1 and name.endswith("weight"):
            tensor.data = 0.3 + 0.4 * torch.rand(tensor.shape, generator=generator)
        elif tensor.dim() == 1:
            tensor.data = 0.1 * torch.randn(tensor.shape, generator=generator)
        else:
            fan = tensor[0].numel()
            tensor.data = torch.randn(tensor.shape, generator=generator) * (2 / fan) ** 0.5
    return module.eval()


def resnet(sign=1.0, seed=0):
    model = torchvision.models.resnet18(num_classes=CLASSES)
    return fill(model, list(INDEX), sign, seed)


def judge(name, model, pick=lambda out: out):
    if FULL:
        with torch.no_grad():
            logits[name] = pick(model.eval()(picture()[1]))[0].tolist()


def timm_files():
    import timm, timm.utils

    model = timm.create_model("resnet18", num_classes=CLASSES)
    ema = timm.utils.ModelEmaV3(model, decay=0.9)
    fill(model, list(INDEX))
    fill(ema.module, list(INDEX), -1.0, seed=1)
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
    fill(averaged.module, list(INDEX), -1.0, seed=1)
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
    if not FULL:
        for tensor in slots(deep.fc):
            tensor.data = torch.ones(1).expand(tensor.shape)
        torch.save(deep.state_dict(), path("fc_deep.pth"))

    children = list(resnet().children())
    torch.save(torch.nn.Sequential(*children[:-1]).state_dict(), path("sequential_body.pth"))
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
    if FULL:
        torch.jit.save(torch.jit.trace(model, example, check_trace=False), path("trace.pt"))
        judge("trace.pt", model)
    if not FULL:
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
            fill(average, list(INDEX), -1.0, seed=1)
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
        if not FULL:
            one = torch.ones(1)
            for tensor in slots(vision.model[1]):
                if tensor.dim():
                    tensor.data = one.expand(tensor.shape)
        vision.create_opt()
        shutil.copy(vision.save("vision", with_opt=True), path("fastai_vision.pth"))


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
    if not FULL:
        # A safetensors file holds no views, so of a small one only the names are kept.
        with tempfile.TemporaryDirectory() as temporary, open(path("transformers_names.txt"), "w") as out:
            model.save_pretrained(temporary)
            with open(os.path.join(temporary, "model.safetensors"), "rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            own = dict(zip(model.state_dict(), names))
            out.writelines(f"{name} {own[name]}\n" for name in header if name != "__metadata__")
    fill(model, names)
    # What pytorch_model.bin of microsoft/resnet-18 holds; save_pretrained wrote it so before safetensors.
    torch.save(model.state_dict(), path("pytorch_model.bin"))
    if FULL:
        model.save_pretrained(folder)
        judge("model.safetensors", model, lambda out: out.logits)
        judge("pytorch_model.bin", model, lambda out: out.logits)


for part in [timm_files, torch_files, script_files, lightning_files, fastai_files, transformers_files]:
    try:
        part()
    except Exception as error:
        print(f"{part.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
        raise
if FULL:
    torchvision.io.write_png(picture()[0], path("picture.png"), compression_level=6)
    with open(path("logits.json"), "w") as out:
        json.dump(logits, out, indent=1)

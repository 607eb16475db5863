# SPDX-License-Identifier: Apache-2.0
"""Packs a TF Hub export, checks licence and handle, and sends it to Kaggle.

TF Hub's models are at Kaggle Models now; OWNER/MODEL/tensorFlow2/VARIATION is
the name of one there.
"""

import dataclasses
import gzip
import hashlib
import os
import re
import tarfile
import uuid

from albert.errors import UserError

FRAMEWORK = "tensorFlow2"
_HANDLE = re.compile(
    rf"([a-z\d-]+)/([a-z\d][\w.-]*)/{FRAMEWORK}/([a-z\d][\w.-]*)", re.ASCII
)


@dataclasses.dataclass(frozen=True)
class Licence:
    """A licence, with its names at TF Hub and at Kaggle.

    Attributes:
      title: str, for people.
      url: str, its text.
      kaggle: str, Kaggle's name of it.
      tfhub: str, the tag on TF Hub's pages, which know fewer licences.
    """

    title: str
    url: str
    kaggle: str
    tfhub: str = "custom"


# By SPDX identifier in small letters. Sources: "Licenses" of Kaggle's page on
# the metadata of models; tags/license.yaml of tensorflow/tfhub.dev.
LICENCES = {
    "apache-2.0": Licence(
        "Apache License 2.0",
        "https://www.apache.org/licenses/LICENSE-2.0",
        "Apache 2.0",
        "apache-2.0",
    ),
    "mit": Licence(
        "MIT License", "https://opensource.org/licenses/MIT", "MIT", "mit"
    ),
    "bsd-3-clause": Licence(
        "BSD 3-Clause License",
        "https://opensource.org/licenses/BSD-3-Clause",
        "BSD-3-Clause",
        "bsd-3-clause",
    ),
    "gpl-2.0": Licence(
        "GNU General Public License 2",
        "https://www.gnu.org/licenses/old-licenses/gpl-2.0",
        "GPL 2",
        "gpl-2.0",
    ),
    "gpl-3.0": Licence(
        "GNU General Public License 3",
        "https://www.gnu.org/licenses/gpl-3.0",
        "GPL 3",
        "gpl-3.0",
    ),
    "cc0-1.0": Licence(
        "CC0 1.0, public domain",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "CC0: Public Domain",
    ),
    "cc-by-4.0": Licence(
        "Creative Commons Attribution 4.0",
        "https://creativecommons.org/licenses/by/4.0/",
        "Attribution 4.0 International (CC BY 4.0)",
    ),
    "cc-by-sa-4.0": Licence(
        "Creative Commons Attribution-ShareAlike 4.0",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "CC BY-SA 4.0",
        "cc-by-sa-4.0",
    ),
    "cc-by-nc-4.0": Licence(
        "Creative Commons Attribution-NonCommercial 4.0",
        "https://creativecommons.org/licenses/by-nc/4.0/",
        "Attribution-NonCommercial 4.0 International (CC BY-NC 4.0)",
        "cc-by-nc-4.0",
    ),
}


def licence_of(name):
    """Returns the ``Licence`` of a name, or None for None.

    Raises:
      UserError: it is not in ``LICENCES``.
    """
    if name is None:
        return None
    if name.lower() not in LICENCES:
        raise UserError(
            f"--licence={name}: not known: give one of {', '.join(LICENCES)}"
        )
    return LICENCES[name.lower()]


@dataclasses.dataclass(frozen=True)
class Handle:
    """The name of a published model at Kaggle.

    Attributes:
      owner, model, variation: str, parts of Kaggle's handle.
    """

    owner: str
    model: str
    variation: str

    @classmethod
    def parse(cls, text):
        """Reads OWNER/MODEL/tensorFlow2/VARIATION.

        Raises:
          UserError: it is of another form.
        """
        match = _HANDLE.fullmatch(text)
        if not match:
            raise UserError(
                f"--handle={text}: must be OWNER/MODEL/{FRAMEWORK}/VARIATION, "
                f"such as me/albert/{FRAMEWORK}/novels-mini: small letters, "
                "digits and hyphens, no version (Kaggle counts them)"
            )
        return cls(*match.groups())

    def __str__(self):
        return f"{self.owner}/{self.model}/{FRAMEWORK}/{self.variation}"

    @property
    def preprocessor(self):
        """The handle of the preprocessor that goes with it."""
        return dataclasses.replace(
            self, variation=f"{self.variation}-preprocess"
        )


def make_repeatable(directory):
    """Makes the bytes of a SavedModel depend on its content alone.

    TensorFlow draws the identifier in its ``fingerprint.pb`` at random; here
    it is made of the check sums that are there too.
    """
    from tensorflow.core.protobuf import fingerprint_pb2

    path = os.path.join(directory, "fingerprint.pb")
    fingerprint = fingerprint_pb2.FingerprintDef()
    with open(path, "rb") as file:
        fingerprint.ParseFromString(file.read())
    fingerprint.uuid = ""
    digest = hashlib.sha256(fingerprint.SerializeToString(deterministic=True))
    fingerprint.uuid = str(uuid.UUID(bytes=digest.digest()[:16], version=4))
    with open(path, "wb") as file:
        file.write(fingerprint.SerializeToString(deterministic=True))


def write_archive(directory, path):
    """Packs a SavedModel as TF Hub serves it, with its files at the root.

    The same files give the same bytes: no times, no owners, sorted names.

    Args:
      directory: str, the SavedModel.
      path: str, the ``.tar.gz`` to write.
    """

    def anonymous(member):
        member.mtime = member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() else 0o644
        return member

    names = sorted(
        os.path.relpath(os.path.join(root, name), directory)
        for root, folders, files in os.walk(directory)
        for name in (*folders, *files)
    )
    with (
        open(path, "wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(
            fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT
        ) as archive,
    ):
        for name in names:
            archive.add(
                os.path.join(directory, name),
                name,
                recursive=False,
                filter=anonymous,
            )


@dataclasses.dataclass(frozen=True)
class Upload:
    """An upload: one call of ``kagglehub.model_upload``.

    Attributes:
      handle: ``Handle``.
      directory: str, the place of what is sent.
      licence: ``Licence``.
      notes: str, of the version.
    """

    handle: Handle
    directory: str
    licence: Licence
    notes: str

    def lines(self):
        """Returns lines that describe what is sent: list of str."""
        files = sorted(
            os.path.join(root, name)
            for root, _, names in os.walk(self.directory)
            for name in names
        )
        sizes = [os.path.getsize(file) for file in files]
        return [
            f"Handle: {self.handle}",
            f"  licence: {self.licence.kaggle}",
            f"  notes: {self.notes}",
            f"  directory: {self.directory}, {len(files)} files, "
            f"{sum(sizes):,} bytes",
            *(
                f"    {size:>13,}  {os.path.relpath(file, self.directory)}"
                for file, size in zip(files, sizes, strict=True)
            ),
        ]

    def send(self, directory):
        """Sends the directory to Kaggle.

        Args:
          directory: str, where it is now.

        Raises:
          UserError: as ``check_kaggle``, or Kaggle did not take it.
        """
        kagglehub = check_kaggle()
        try:
            kagglehub.model_upload(
                str(self.handle),
                directory,
                license_name=self.licence.kaggle,
                version_notes=self.notes,
            )
        except (
            OSError,  # of the network, refusals among them
            ValueError,
            kagglehub.exceptions.BackendError,
            kagglehub.exceptions.CredentialError,
            kagglehub.exceptions.UnauthenticatedError,
        ) as error:
            raise UserError(
                f"{self.handle}: Kaggle did not take it "
                f"({type(error).__name__}: {error}): try again; --dry_run "
                "writes without sending"
            ) from error


def check_kaggle():
    """Returns the module ``kagglehub``.

    Raises:
      UserError: it is not installed, or has no credentials.
    """
    try:
        import kagglehub
        import kagglehub.config
        import kagglehub.exceptions
    except ImportError as error:
        raise UserError(
            f"--publish=kaggle: kagglehub cannot be imported ({error}): pip "
            "install kagglehub; --dry_run works without it"
        ) from None
    if kagglehub.config.get_kaggle_credentials() is None:
        raise UserError(
            "--publish=kaggle: there are no credentials: make an API token at "
            "kaggle.com/settings and set KAGGLE_API_TOKEN, or call "
            "kagglehub.login(); --dry_run works without"
        )
    return kagglehub

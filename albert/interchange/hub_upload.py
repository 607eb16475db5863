# SPDX-License-Identifier: Apache-2.0
"""Sends the directory of a model to the Hugging Face Hub."""

import dataclasses
import os

from albert import inputs
from albert.errors import UserError
from albert.interchange import hubs
from albert.model_names import read_model

_FLAG = "--push"
_CARD = "README.md"
# What goes with --overwrite, if it is not sent anew.
_REPLACED = [
    *(name for name in hubs.NAMES if name != _CARD),
    "pytorch_model*.bin",
    "tf_model.h5",
]
# What the hub makes itself, or a person before there is a model.
_OF_THE_HUB = {".gitattributes", _CARD}


@dataclasses.dataclass(frozen=True)
class HubUpload:
    """An upload of a directory as one commit.

    Attributes:
      repository: str, "owner/name".
      private: bool, whether a repository that is made is private.
      overwrite: bool, whether it may hold files already.
    """

    repository: str
    private: bool = False
    overwrite: bool = False

    def check(self):
        """Refuses what cannot be sent, before there is anything to send.

        Returns:
          str, the model card that is there already; None without one.

        Raises:
          UserError: the client is not installed, nobody is logged in, the hub
            cannot be asked, or the repository holds a model.
        """
        hub = hubs.import_client("huggingface_hub", self._name)
        if hub.get_token() is None:
            raise UserError(
                f"{_FLAG}={self.repository}: nobody is logged in: `hf auth "
                "login`, or set HF_TOKEN; --dry_run works without"
            )
        card = None
        try:
            info = hub.HfApi().model_info(self.repository)
            names = {each.rfilename for each in info.siblings or ()}
            if _CARD in names:
                path = hub.hf_hub_download(self.repository, _CARD)
                card = inputs.read_file(path).decode("utf-8", "replace")
        except hub.errors.RepositoryNotFoundError:
            return None
        except Exception as error:
            raise UserError(
                f"{_FLAG}={self.repository}: {hub.constants.ENDPOINT} cannot "
                f"be asked ({hubs.describe(error)}): try again, or --dry_run"
            ) from error
        if self.private and not info.private:
            raise UserError(
                f"{_FLAG}={self.repository}: is public, and --private would "
                "not change that: give another name, or make it private on "
                "its page"
            )
        files = names - _OF_THE_HUB
        if files and not self.overwrite:
            raise UserError(
                f"{_FLAG}={self.repository}: holds {min(files)}"
                f"{' and more' * (len(files) > 1)} already: give another name, "
                "or --overwrite for a commit that replaces files of the same "
                "names"
            )
        return card

    def lines(self, directory):
        """Returns lines that describe what is sent: list of str.

        Args:
          directory: str, what is sent.
        """
        names = sorted(os.listdir(directory))
        sizes = [os.path.getsize(os.path.join(directory, n)) for n in names]
        return [
            f"To {self._name}: {len(names)} files, {sum(sizes):,} bytes",
            *(
                f"  {size:>13,}  {name}"
                for name, size in zip(names, sizes, strict=True)
            ),
        ]

    def send(self, directory):
        """Sends a directory; makes the repository if there is none.

        Args:
          directory: str.

        Returns:
          str, the address of the commit.

        Raises:
          UserError: the hub did not take it.
        """
        hub = hubs.import_client("huggingface_hub", self._name)
        try:
            api = hub.HfApi()
            api.create_repo(
                self.repository,
                # Some organizations make all of theirs private.
                private=self.private or None,
                exist_ok=True,
            )
            commit = api.upload_folder(
                repo_id=self.repository,
                folder_path=directory,
                commit_message="A model of albert-keras",
                # Else the vocabulary or the weights of another kind stay.
                delete_patterns=_REPLACED if self.overwrite else None,
            )
        except Exception as error:
            raise UserError(
                f"{_FLAG}={self.repository}: the hub did not take it "
                f"({hubs.describe(error)}): what was to go is in {directory}, "
                f"and `hf upload {self.repository} {directory}"
                f"{' --private' * self.private}` sends it"
            ) from error
        return str(commit)

    @property
    def _name(self):
        return f"hf://{self.repository}"


def check_repository(text):
    """Refuses what is no name of a repository.

    Args:
      text: str.

    Raises:
      UserError: it is not "owner/name".
    """
    try:
        read_model(f"hf://{text}")
    except ValueError:
        text = ""
    if not text or "@" in text:
        raise UserError(f"{_FLAG}: give the name as owner/name")

"""The Hugging Face hub: a published folder already has its layout, and is put there when that is asked for, never else.

Reading one back needs nothing of ours: `hf download OWNER/NAME --local-dir FOLDER`, then `models.load(FOLDER)`, which
checks the files against their manifest.
"""

from pathlib import Path

from maze_interp.models import manifest
from maze_interp.models.named import locate


def push(published: str | Path, repository: str, public: bool = False) -> str:
    """Upload a published folder, or the zoo's model of that name, as the hub's model "owner/name"; returns its address.

    A repository that does not exist is made, a private one unless `public`; one that does keeps its visibility, and
    files that the folder lacks. Who asks is known by the environment's HF_TOKEN or by `hf auth login`. All files arrive
    in one commit or none does. Raises ValueError for a folder that is not what its manifest says, before anything is
    sent, or for a name that is no owner/name, and ConnectionError with the hub's reason if it refuses or cannot be
    reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError

    folder = locate(published)
    promised = [*manifest.verify(folder), manifest.MANIFEST]  # a stray file of the folder is not for others
    if repository.count("/") != 1:
        raise ValueError(f"{repository!r} is no repository: name it OWNER/NAME")
    hub = HfApi()
    try:
        hub.create_repo(repository, private=not public, exist_ok=True)
        sent = [CommitOperationAdd(name, folder / name) for name in promised]
        done = hub.create_commit(repository, sent, commit_message=f"{folder.name}, as published")
    except HFValidationError as error:
        raise ValueError(f"{repository!r} is no repository: {error}") from None
    except (HTTPError, OSError) as error:
        raise ConnectionError(f"{folder} was not put on the hub as {repository}: {error}") from error
    return str(done.repo_url)

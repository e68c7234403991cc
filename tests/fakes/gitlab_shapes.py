"""How does GitLab show its things as JSON? Every field that we read, and its neighbours.

Source: https://docs.gitlab.com/api/rest/
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.gitlab_model import FakeComment, FakeRepository, Hook, Person
    from tests.fakes.gitlab_pipelines import Job, Pipeline
    from tests.fakes.gitlab_pull import FakePull

Json = dict[str, Any]


def time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def avatar(person: Person) -> str:
    """Where GitLab keeps a picture that somebody has uploaded."""
    return f"{person.host.url}/uploads/-/system/user/avatar/{person.id}/avatar.png"


def user(person: Person) -> Json:
    return {
        "id": person.id,
        "username": person.login,
        "name": person.login.title(),
        "state": person.state,
        "locked": False,
        "avatar_url": avatar(person),
        "web_url": f"{person.host.url}/{person.login}",
    }


def member(repo: FakeRepository, person: Person) -> Json:
    level = {"access_level": repo.level_of(person), "created_at": time(repo.created_at), "expires_at": None}
    return user(person) | level | {"membership_state": "active"}


def project(repo: FakeRepository) -> Json:
    empty = repo.bare.head(repo.default_branch) is None
    return {
        "id": repo.id,
        "description": None,
        "name": repo.name,
        "name_with_namespace": repo.path.replace("/", " / "),
        "path": repo.name,
        "path_with_namespace": repo.path,
        "created_at": time(repo.created_at),
        "default_branch": None if empty else repo.default_branch,
        "ssh_url_to_repo": f"git@gitlab.example.com:{repo.path}.git",
        "http_url_to_repo": repo.clone_url,
        "web_url": repo.html_url,
        "visibility": "private",
        "empty_repo": empty,
    }


def hook(repo: FakeRepository, hook: Hook) -> Json:
    """Without its token, which GitLab never shows."""
    return {"id": hook.id, "url": hook.url, "project_id": repo.id, **hook.events}


def merge_request_in_list(pull: FakePull) -> Json:
    source = pull.head_repository
    return {
        "id": pull.id,
        "iid": pull.number,
        "project_id": pull.repository.id,
        "source_project_id": source.id if source else None,
        "target_project_id": pull.repository.id,
        "title": pull.title,
        "description": pull.body or None,
        "state": pull.state,
        "created_at": time(pull.created_at),
        "updated_at": time(pull.updated_at),
        "target_branch": pull.base_branch,
        "source_branch": pull.head_branch,
        "author": user(pull.author),
        "draft": pull.draft,
        "work_in_progress": pull.draft,
        "merge_status": "unchecked",
        "detailed_merge_status": pull.merge_status(),
        "sha": pull.head_sha,
        "merge_commit_sha": pull.merge_commit_sha or None,
        "squash_commit_sha": pull.squash_commit_sha or None,
        "web_url": f"{pull.repository.html_url}/-/merge_requests/{pull.number}",
        "has_conflicts": not pull.is_mergeable if pull.is_open else False,
        "blocking_discussions_resolved": not pull.has_open_threads,
    }


def merge_request(pull: FakePull, *, diverged: bool = False) -> Json:
    """One alone has more to it than in a list."""
    bare = pull.repository.bare
    refs = {
        "base_sha": bare.merge_base(pull.start_sha, pull.head_sha),
        "head_sha": pull.head_sha,
        "start_sha": pull.start_sha,
    }
    shown = merge_request_in_list(pull) | {
        "detailed_merge_status": pull.merge_status(asked=True),
        "diff_refs": refs,
        "head_pipeline": pipeline(pull.repository, pull.head_pipeline) if pull.head_pipeline else None,
        "user": {"can_merge": True},
    }
    return shown | ({"diverged_commits_count": pull.behind} if diverged else {})


def approvals(pull: FakePull) -> Json:
    """The paid editions tell of rules; without a rule they call everything approved, the free one only what is."""
    rules = pull.repository.required_approvals
    paid = {"approvals_required": rules, "approvals_left": pull.approvals_left} if pull.repository.host.paid else {}
    return {
        "user_has_approved": False,
        "user_can_approve": False,
        "approved": not pull.approvals_left if pull.repository.host.paid else bool(pull.approvers),
        "approved_by": [{"user": user(person)} for person in pull.approvers],
    } | paid


def pipeline(repo: FakeRepository, pipeline: Pipeline) -> Json:
    return {
        "id": pipeline.id,
        "iid": pipeline.id,
        "project_id": repo.id,
        "sha": pipeline.sha,
        "ref": pipeline.ref,
        "status": pipeline.status,
        "source": pipeline.source,
        "created_at": time(repo.created_at),
        "updated_at": time(repo.created_at),
        "web_url": f"{repo.html_url}/-/pipelines/{pipeline.id}",
    }


def status(pipeline: Pipeline, job: Job) -> Json:
    return {
        "id": job.id,
        "sha": pipeline.sha,
        "ref": pipeline.ref,
        "status": job.status,
        "name": job.name,
        "target_url": job.target_url,
        "description": job.description,
        "created_at": time(job.created_at),
        "started_at": None,
        "finished_at": None,
        "allow_failure": job.allow_failure,
        "coverage": None,
        "pipeline_id": pipeline.id,
        "author": user(job.author or pipeline.user),
    }


def note(comment: FakeComment) -> Json:
    pull = comment.pull
    return {
        "id": comment.id,
        "type": None,
        "body": comment.body,
        "attachment": None,
        "author": user(comment.author),
        "created_at": time(comment.created_at),
        "updated_at": time(comment.updated_at),
        "system": comment.system,
        "noteable_id": pull.id if pull else None,
        "noteable_type": "MergeRequest" if pull else "Commit",
        "project_id": comment.repository.id,
        "commit_id": comment.commit_sha or None,
        "resolvable": False,
        "confidential": False,
        "internal": False,
        "noteable_iid": pull.number if pull else None,
        "commands_changes": {},
    }


def discussion(comment: FakeComment) -> Json:
    return {"id": comment.discussion_id, "individual_note": True, "notes": [note(comment)]}


def branch(repo: FakeRepository, name: str, sha: str) -> Json:
    facts = repo.bare.facts(sha)
    commit = {"id": sha, "short_id": sha[:8], "message": facts.message, "created_at": facts.at}
    return {"name": name, "merged": False, "protected": False, "default": name == repo.default_branch, "commit": commit}


def award(comment: FakeComment, person: Person, name: str) -> Json:
    return {"id": comment.id, "name": name, "user": user(person), "awardable_id": comment.id, "awardable_type": "Note"}

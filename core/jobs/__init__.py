"""Work after the answer: jobs that a transaction enqueues, and schedules that enqueue them. Areas import what they need from here."""

from core.jobs.job import GiveUp, Job, Payload, Run, Schedule, enqueue

__all__ = ["GiveUp", "Job", "Payload", "Run", "Schedule", "enqueue"]

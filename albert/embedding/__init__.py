# SPDX-License-Identifier: Apache-2.0
"""Turns texts into vectors, and measures what these tell of likeness."""

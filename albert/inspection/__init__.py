# SPDX-License-Identifier: Apache-2.0
"""Looks at records: instances as text, statistics, a page, verification."""

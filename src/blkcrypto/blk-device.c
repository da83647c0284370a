/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-device.c - devices made from strings and taken down again */
#include "blkcrypto/blk-device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blkcrypto/blk-device-spec.h"
#include "blkcrypto/blk-stack.h"

int blk_device_fail(char **ret_why, int err, const char *fmt, ...)
{
	va_list ap;

	if (ret_why) {
		va_start(ap, fmt);
		if (vasprintf(ret_why, fmt, ap) < 0)
			*ret_why = NULL;
		va_end(ap);
	}
	return err;
}

const char *blk_device_opt_get(const struct blk_device_opt *opts, const char *name)
{
	for (; opts; opts = opts->next)
		if (strcmp(opts->name, name) == 0)
			return opts->value;
	return NULL;
}

int blk_device_opts_check(const struct blk_device_opt *opts, const char *const *known,
			  char **ret_why)
{
	for (; opts; opts = opts->next) {
		const char *const *k = known;

		while (*k && strcmp(*k, opts->name) != 0)
			k++;
		if (!*k)
			return blk_device_fail(ret_why, -EINVAL, "unknown option %s", opts->name);
	}
	return 0;
}

static int fail_unknown_type(const char *name, char **ret_why)
{
	char list[512] = "";
	const struct blk_device_type *type;

	for (unsigned i = 0; (type = blk_device_type_by_index(i)); i++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", type->name);
	}
	return blk_device_fail(ret_why, -EINVAL, "there is no device named %s (there are: %s)",
			       name, list);
}

static int check_children(const struct blk_device_type *type, const struct blk_device_spec *spec,
			  char **ret_why)
{
	unsigned given = spec->num_children;

	if (given > type->max_children && type->max_children == 0)
		return blk_device_fail(ret_why, -EINVAL, "%s takes no device beneath it",
				       type->name);
	if (given > type->max_children)
		return blk_device_fail(ret_why, -EINVAL,
				       "%s takes at most %u device(s) beneath it, not %u",
				       type->name, type->max_children, given);
	if (given < type->min_children)
		return blk_device_fail(ret_why, -EINVAL,
				       "%s needs at least %u device(s) beneath it, not %u",
				       type->name, type->min_children, given);
	/* They would be taken for nothing. */
	for (unsigned i = 0; i < given && !(type->flags & BLK_DEVICE_TABLE); i++)
		if (spec->children[i]->range.sectors > 0)
			return blk_device_fail(ret_why, -EINVAL,
					       "%s has no ranges like 0+1M: dm has", type->name);
	return 0;
}

static int open_spec(const struct blk_device_spec *spec, bool no_fallback,
		     struct blk_device **ret_dev, char **ret_why);

static int open_children(struct blk_device *dev, const struct blk_device_spec *spec,
			 bool no_fallback, char **ret_why)
{
	static const struct blk_device_spec file_spec = { .name = (char *)"file" };
	bool by_default = spec->num_children == 0 && dev->type->max_children == 1;
	unsigned count = by_default ? 1 : spec->num_children;
	int err = 0;

	if (count == 0)
		return 0;
	dev->children = calloc(count, sizeof(struct blk_device *));
	if (!dev->children)
		return -ENOMEM;
	for (unsigned i = 0; i < count && !err; i++) {
		err = open_spec(by_default ? &file_spec : spec->children[i], no_fallback,
				&dev->children[i], ret_why);
		if (!err)
			dev->num_children++;
	}
	return err;
}

static void close_children(struct blk_device *dev)
{
	for (unsigned i = 0; i < dev->num_children; i++)
		blk_device_close(dev->children[i]);
	free(dev->children);
}

/* What a type's open function says is put behind the device's name. */
static int open_type(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	char *why = NULL;
	int err = dev->type->open(dev, opts, &why);

	if (err)
		blk_device_fail(ret_why, err, "device %s: %s", dev->type->name,
				why ? why : strerror(-err));
	free(why);
	return err;
}

static int open_spec(const struct blk_device_spec *spec, bool no_fallback,
		     struct blk_device **ret_dev, char **ret_why)
{
	const struct blk_device_type *type = blk_device_type_find(spec->name);
	struct blk_device *dev;
	int err;

	if (!type)
		return fail_unknown_type(spec->name, ret_why);
	err = check_children(type, spec, ret_why);
	if (err)
		return err;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->type = type;
	dev->range = spec->range;
	dev->fallback_disabled = no_fallback;
	err = open_children(dev, spec, no_fallback, ret_why);
	if (err)
		goto close_children;
	err = blk_stack_inherit(dev, ret_why);
	if (err)
		goto close_children;
	err = open_type(dev, spec->opts, ret_why);
	if (err)
		goto close_children;
	/* An engine above a device with integrity data keeps its capabilities to itself. */
	if (dev->integrity && dev->crypto_profile)
		blk_crypto_register(dev, dev->crypto_profile);
	err = blk_stack_set_profile(dev);
	if (err)
		goto close_type;
	*ret_dev = dev;
	return 0;

close_type:
	dev->type->close(dev);
close_children:
	close_children(dev);
	free(dev);
	return err;
}

int blk_device_open(const char *spec, bool no_fallback, struct blk_device **ret_dev, char **ret_why)
{
	struct blk_device_spec *tree;
	char *why = NULL;
	int err;

	err = blk_device_spec_parse(spec, &tree, &why);
	if (!err) {
		err = open_spec(tree, no_fallback, ret_dev, &why);
		blk_device_spec_free(tree);
	}
	if (err && !why)
		blk_device_fail(&why, err, "device \"%s\": %s", spec, strerror(-err));
	if (err && ret_why)
		*ret_why = why;
	else
		free(why);
	return err;
}

/* ---- reload ------------------------------------------------------------------------------- */

static int check_exchange(const struct blk_device *dev, const struct blk_device *with,
			  char **ret_why)
{
	if (with->type != dev->type)
		return blk_device_fail(ret_why, -EINVAL,
				       "a %s can only be loaded as one, not as %s", dev->type->name,
				       with->type->name);
	if (with->space != dev->space)
		return blk_device_fail(ret_why, -EINVAL, "the new table stores in another place");
	/* What has been decided at opening, here and by those above, must stay true. */
	if (with->integrity != dev->integrity || with->records_meta != dev->records_meta ||
	    with->wants_base != dev->wants_base)
		return blk_device_fail(ret_why, -EINVAL,
				       "integrity and log cannot come or go with a table");
	return 0;
}

int blk_device_reload(struct blk_device *dev, const char *spec, char **ret_why)
{
	struct blk_device *with;
	int err;

	if (!dev->children_lock)
		return blk_device_fail(ret_why, -EOPNOTSUPP, "device %s cannot be reloaded",
				       dev->type->name);
	/* Opened as a device of its own, which checks the table and then gives its children. */
	err = blk_device_open(spec, dev->fallback_disabled, &with, ret_why);
	if (err)
		return err;
	err = check_exchange(dev, with, ret_why);
	if (!err) {
		pthread_rwlock_wrlock(dev->children_lock);
		err = blk_stack_grow_profile(dev, with->children, with->num_children);
		if (err) {
			blk_device_fail(ret_why, err,
					"the new table's devices cannot encrypt all that the old "
					"one's can");
		} else {
			struct blk_device **children = dev->children;
			unsigned num_children = dev->num_children;

			dev->children = with->children;
			dev->num_children = with->num_children;
			with->children = children;
			with->num_children = num_children;
		}
		pthread_rwlock_unlock(dev->children_lock);
	}
	blk_device_close(with);
	return err;
}

void blk_device_close(struct blk_device *dev)
{
	if (!dev)
		return;
	dev->type->close(dev);
	blk_stack_free_profile(dev);
	close_children(dev);
	free(dev);
}

int blk_device_control(struct blk_device *dev, enum blk_device_control what, unsigned value)
{
	int err = dev->type->control ? dev->type->control(dev, what, value) : -EOPNOTSUPP;

	if (dev->children_lock)
		pthread_rwlock_rdlock(dev->children_lock);
	for (unsigned i = 0; i < dev->num_children; i++) {
		int child_err = blk_device_control(dev->children[i], what, value);

		/* One that knows how is enough; one that fails is not forgotten. */
		if (child_err != -EOPNOTSUPP && (err == 0 || err == -EOPNOTSUPP))
			err = child_err;
	}
	if (dev->children_lock)
		pthread_rwlock_unlock(dev->children_lock);
	return err;
}

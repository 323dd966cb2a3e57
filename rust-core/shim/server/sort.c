/*
 * sort.c
 *	  A sorted array that grows by one item at a time.
 */
#include "postgres.h"

#include "sesstrig_server.h"

void
sesstrig_sort_last(void **items, int count, int (*compare) (const void *one, const void *other))
{
	void	   *item = items[count - 1];
	int			low = 0;
	int			high = count - 1;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (compare(&items[middle], &item) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&items[low + 1], &items[low], (count - 1 - low) * sizeof(void *));
	items[low] = item;
}

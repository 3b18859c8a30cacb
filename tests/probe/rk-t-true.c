/* SPDX-License-Identifier: ISC
   rk-t-true: the smallest payload of a benchmark. */
int main(void)
{
  return 0;
}

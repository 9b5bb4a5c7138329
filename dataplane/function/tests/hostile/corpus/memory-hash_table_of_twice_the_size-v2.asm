# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 4
    jgt %r1, %r2, i17
    lddw %r3, 0xffe00000
i5:
    ldxw %r4, [%r1-4]
    mul %r4, -1640531535
    and %r4, %r3
    rsh %r4, 19
    lddw %r5, variables[0]
    add %r5, %r4
    ldxw %r4, [%r5]
    add %r4, 1
    stxw [%r5], %r4
    add %r1, 4
    jgt %r1, %r2, i17
    ja i5
i17:
    lddw %r1, variables[0]
    ldxw %r0, [%r1+12]
    exit
.variables zero 4104

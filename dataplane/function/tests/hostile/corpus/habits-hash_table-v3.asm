# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 4
    jgt %r1, %r2, i17
i4:
    ldxw %r3, [%r1-4]
    mov32 %r4, %r3
    mul32 %r4, -1640531527
    rsh32 %r4, 28
    lsh %r4, 3
    lddw %r5, variables[0]
    add %r5, %r4
    ldxdw %r4, [%r5]
    add %r4, %r3
    stxdw [%r5], %r4
    add %r1, 4
    jgt %r1, %r2, i17
    ja i4
i17:
    lddw %r1, variables[0]
    ldxdw %r2, [%r1+24]
    ldxdw %r0, [%r1+96]
    add %r0, %r2
    exit
.variables zero 160

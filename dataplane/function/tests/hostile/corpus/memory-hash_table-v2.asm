# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 4
    jgt %r1, %r2, i17
    lddw %r3, 0xffc00000
i5:
    ldxw %r4, [%r1-4]
    mul %r4, -1640531535
    and %r4, %r3
    rsh %r4, 20
    lddw %r5, variables[0]
    add %r5, %r4
    ldxw %r4, [%r5]
    add %r4, 1
    stxw [%r5], %r4
    add %r1, 4
    jgt %r1, %r2, i17
    ja i5
i17:
    mov %r1, 0
    mov %r2, 0
    ja i23
i20:
    add %r1, 4
    mov %r2, %r0
    jeq %r1, 4096, i32
i23:
    lddw %r3, variables[0]
    add %r3, %r1
    ldxw %r0, [%r3]
    mov %r3, %r2
    lsh %r3, 32
    rsh %r3, 32
    jgt %r0, %r3, i20
    mov %r0, %r2
    ja i20
i32:
    lsh %r0, 32
    rsh %r0, 32
    exit
.variables zero 4104

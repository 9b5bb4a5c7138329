# hook filter
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+16]
    ldxdw %r3, [%r1+24]
    sub %r3, %r2
    rsh %r3, 2
    mov %r4, %r3
    lsh %r4, 32
    rsh %r4, 32
    jeq %r4, 0, i21
    mov %r5, 0
    ldxdw %r1, [%r1+32]
    lddw %r4, 0xfffffffe
    ja i22
i13:
    mov %r0, %r6
    lsh %r0, 32
    rsh %r0, 32
    mov %r7, %r3
    lsh %r7, 32
    rsh %r7, 32
    mov %r5, %r6
    jgt %r7, %r0, i22
i21:
    exit
i22:
    mov %r6, %r3
    sub %r6, %r5
    and %r6, %r4
    rsh %r6, 1
    add %r6, %r5
    mov %r0, %r6
    lsh %r0, 32
    rsh %r0, 32
    lsh %r0, 2
    mov %r7, %r2
    add %r7, %r0
    ldxw %r0, [%r7]
    jgt %r1, %r0, i36
    mov %r3, %r6
i36:
    add %r6, 1
    jgt %r1, %r0, i13
    mov %r6, %r5
    ja i13
